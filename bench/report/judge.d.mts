import type { Bar, Measured, Verdict } from './results.mjs';

export function judge(measured: Record<string, Pick<Measured, 'rows'>>, bars?: readonly Bar[]): Verdict[];
