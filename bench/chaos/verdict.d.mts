import type { Measured } from '../report/results.mjs';
import type { Situation } from './situations.mjs';
import type { Tally } from './tally.mjs';

export interface ChaosRow extends Tally {
  situation: string;
  contender: string;
  title: string;
  fetched: number;
}

interface Check {
  ours?: number;
  limit?: number;
  holds: boolean;
}

export interface SituationVerdict {
  id: string;
  title: string;
  holds: boolean;
  refused: Check;
  badAccepted: Check;
  fetched: Check;
}

export interface ChaosVerdict {
  holds: boolean;
  failed: string[];
  situations: SituationVerdict[];
}

export function chaosRows(measured: Pick<Measured, 'rows'>): ChaosRow[];
export function chaosVerdict(rows: readonly ChaosRow[], situations?: readonly Situation[]): ChaosVerdict;
