import { describe, expect, it } from 'vitest';
import { ContextState, stateOf } from '../../lib/auth/context-state.js';
import { contextOf } from './support/contexts.js';

describe('what guards know of a context', () => {
  it('is one for each context', () => {
    const context = contextOf('http', [{}]);
    expect(stateOf(context)).toBe(stateOf(context));
    expect(stateOf(contextOf('http', [{}]))).not.toBe(stateOf(context));
  });

  it('has the decision of each kind of guard', () => {
    const state = new ContextState();
    const [one, other, third] = [{}, {}, {}];
    expect(state.ran(one, true)).toBe(true);
    expect(state.ran(other, false)).toBe(false);
    state.ran(third, true);
    expect([one, other, third, {}].map((kind) => state.decisionOf(kind))).toEqual([true, false, true, undefined]);
  });
});
