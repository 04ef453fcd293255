import { expect } from 'vitest';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { JwkSetSource, LoadRequest, SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import type { ManualClock } from '../support/manual-clock.js';

type Step = SourceAnswer | Error | 'hangs' | (() => unknown);

/** Answers one step after another, the last one again and again; remembers what it was asked. */
export class ScriptedSource implements JwkSetSource {
  readonly requests: LoadRequest[] = [];
  closed = 0;

  constructor(private readonly steps: Step[]) {}

  async load(request: LoadRequest): Promise<SourceAnswer> {
    this.requests.push(request);
    const step = this.steps.length > 1 ? this.steps.shift() : this.steps[0];
    if (step === 'hangs') return new Promise(() => undefined);
    if (step instanceof Error) throw step;
    return (typeof step === 'function' ? step() : step) as SourceAnswer;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}

export function answerOf(jwk: object, origin: string): SourceAnswer {
  return { set: JwkSet.parse({ keys: [jwk] }), origin };
}

/** Whatever waited has stopped waiting. */
export function expectNoTimers(clock: ManualClock): void {
  expect(clock.pending).toBe(0);
}

export function requestWith(more: Partial<LoadRequest> = {}): LoadRequest {
  return { signal: new AbortController().signal, reload: false, ...more };
}
