import type { ChaosResults } from './chaos.mjs';
import type { Measured, Results } from './results.mjs';

export function chaosResults(
  measured: Measured,
  circumstances: Pick<Results, 'date' | 'machine' | 'versions'>,
): ChaosResults;
export function readChaos(): ChaosResults;
export function publishChaos(results: ChaosResults): void;
export function drawChaos(): void;
