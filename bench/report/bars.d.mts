import type { Bar } from './results.mjs';

export const BARS: readonly Bar[];
