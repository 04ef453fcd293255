export class Requests {
  constructor(tokens: readonly string[]);
  take(count: number): Buffer;
}

export interface Burden {
  port: number;
  requests: Requests;
  connections: number;
  depth: number;
  seconds: number;
}

export function load(burden: Burden): Promise<{ good: number; bad: number; seconds: number }>;
