import type { Results } from './results.mjs';

export function withTable(readme: string, results: Results): string;
export function readmeTable(results: Results): string;
