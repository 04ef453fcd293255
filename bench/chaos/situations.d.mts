export interface State {
  kind: string;
}

export interface Situation {
  id: string;
  title: string;
  seconds: number;
  every: number;
  lifetime?: number;
  states: Record<number, State>;
  signedWith: Record<number, string[]>;
  uncounted?: [from: number, to: number];
  grace?: number;
  retired?: [from: number, key: string];
  madeUpKids?: { from: number; to: number; every: number };
}

export const SITUATIONS: readonly Situation[];
export const WARM_UP: Situation;
