import type { Bar, Measured, Verdict } from './results.mjs';

export function evaluate(measured: Record<string, Pick<Measured, 'rows'>>, bars?: readonly Bar[]): Verdict[];
