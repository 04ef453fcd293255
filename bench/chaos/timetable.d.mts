import type { Situation } from './situations.mjs';

export const QUICK_SITUATIONS: readonly Situation[];
export function timetable(situations: readonly Situation[]): Map<string, number>;
