import type { Results } from './results.mjs';

export function picture(results: Results): string;
