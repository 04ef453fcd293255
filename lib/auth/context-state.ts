import type { ExecutionContext } from '@nestjs/common';
import type { MaybePromise } from '../core/maybe-promise.js';

interface Decision {
  /** Guards of one kind decide alike. */
  readonly kind: unknown;
  readonly outcome: MaybePromise<boolean>;
  readonly before: Decision | undefined;
}

/**
 * What guards know of one `ExecutionContext`: Nest asks a guard once for each place it stands in, with the same context.
 *
 * @internal
 */
export class ContextState {
  /** The token that let the context in: a guard that cannot find one itself takes that which a subclass, standing before it, has found. */
  token: string | undefined = undefined;
  /** For how long a verification holds. */
  scope: object | undefined = undefined;
  private decision: Decision | undefined = undefined;

  decisionOf(kind: unknown): MaybePromise<boolean> | undefined {
    let { decision } = this;
    while (decision && decision.kind !== kind) decision = decision.before;
    return decision?.outcome;
  }

  decided(kind: unknown, outcome: MaybePromise<boolean>): MaybePromise<boolean> {
    this.decision = { kind, outcome, before: this.decision };
    return outcome;
  }
}

const states = new WeakMap<ExecutionContext, ContextState>();

/** @internal */
export function stateOf(context: ExecutionContext): ContextState {
  const known = states.get(context);
  if (known) return known;
  const state = new ContextState();
  states.set(context, state);
  return state;
}
