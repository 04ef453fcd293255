export interface Answer {
  counts: 'good' | 'bad' | 'uncounted';
  outcome: 'accepted' | 'blamed' | 'unavailable' | 'late';
  took: number;
  behind: number;
}

export interface Tally {
  good: number;
  refused: number;
  blamed: number;
  late: number;
  badAccepted: number;
  behind: number;
  slowest: number;
}

export const PATIENCE: number;
export function tally(answers: readonly Answer[]): Tally;
