import type { Results } from './results.mjs';

export function withTable(page: string, results: Results): string;
export function benchmarksTable(results: Results): string;
