import type { ExecutionContext } from '@nestjs/common';
import type { MaybePromise } from '../core/maybe-promise.js';
import { privateSlot } from '../core/private-slot.js';

/**
 * What guards know of one `ExecutionContext`: Nest asks a guard once for each place it stands in,
 * with the same context.
 *
 * @internal
 */
export class ContextState {
  /**
   * The token that let the context in: a guard that cannot find one itself takes that which a
   * subclass, standing before it, has found.
   */
  token: string | undefined = undefined;
  /** For how long a verification holds. */
  sharedPer: object | undefined = undefined;
  /** Of the guards that were asked first; those of one kind decide alike. */
  private kind: unknown = undefined;
  private outcome: MaybePromise<boolean> | undefined = undefined;
  private others: Map<unknown, MaybePromise<boolean>> | undefined = undefined;

  decisionOf(kind: unknown): MaybePromise<boolean> | undefined {
    return this.kind === kind ? this.outcome : this.others?.get(kind);
  }

  ran(kind: unknown, outcome: MaybePromise<boolean>): MaybePromise<boolean> {
    if (this.kind === undefined) {
      this.kind = kind;
      this.outcome = outcome;
    } else {
      this.others ??= new Map();
      this.others.set(kind, outcome);
    }
    return outcome;
  }
}

const states = privateSlot<ContextState>();

/** @internal */
export function stateOf(context: ExecutionContext): ContextState {
  return states.of(context) ?? states.fill(context, new ContextState());
}
