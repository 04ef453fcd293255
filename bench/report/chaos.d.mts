import type { ChaosRow, ChaosVerdict } from '../chaos/verdict.mjs';
import type { Results } from './results.mjs';

/** What results/chaos.json keeps of the last run of the measure. */
export interface ChaosResults extends Pick<Results, 'date' | 'seconds' | 'machine' | 'versions'> {
  title: string;
  verdict: ChaosVerdict;
  faults: { contender: string; why: string }[];
  rows: ChaosRow[];
}

export function chaosTable(results: Pick<ChaosResults, 'title' | 'rows' | 'faults'>): string;
export function chaosVerdictText(verdict: ChaosVerdict): string;
export function withChaosTable(document: string, results: ChaosResults): string;
export function chaosMarkdown(results: Pick<ChaosResults, 'rows' | 'machine' | 'date'>): string;
