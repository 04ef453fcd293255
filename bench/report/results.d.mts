/** What a run of the bench found, as results/latest.json keeps it. */
export interface Results {
  date: string;
  seconds: number;
  machine: { node: string; cores: number; cpu: string; memory: string; system: string };
  versions: Record<string, string>;
  bars: Verdict[];
  measured: Record<string, Measured>;
}

export interface Measured {
  title: string;
  seconds: number;
  rows: Row[];
  absent: { group: string; contender: string; title: string; kind: string; why: string; fault: boolean }[];
}

export interface Row {
  group: string;
  contender: string;
  title: string;
  kind: string;
  metrics: Record<string, Summary>;
}

export interface Summary {
  median: number;
  min: number;
  max: number;
  samples: number[];
}

export type Place = [group: string, contender: string, metric: string];

export interface Bar {
  id: string;
  measure: string;
  text: string;
  of: Place;
  to?: Place;
  is: '>=' | '<=';
  limit: number;
  unit: string;
}

export interface Verdict extends Bar {
  value?: number;
  holds: boolean;
  beside: { group: string; title: string; metric: string; median: number }[];
}

export const LATEST: string;
export const PICTURE: string;
export function readLatest(): Results;
export function writeLatest(results: Results): void;
