import type { BenchKey } from '../support/keys.mjs';
import type { Situation, State } from './situations.mjs';

export interface Scheduled {
  at: number;
  counts: 'good' | 'bad' | 'uncounted';
  key: string;
  fault?: string;
}

export function moment(situation: Pick<Situation, 'every'>, second: number): number;
export function statesOf(situation: Situation): [at: number, state: State][];
export function schedule(situation: Situation): Scheduled[];
export function sign(
  tokens: readonly Scheduled[],
  by: { issuer: string; keys: ReadonlyMap<string, BenchKey>; stranger: BenchKey },
): { at: number; counts: Scheduled['counts']; token: string }[];
