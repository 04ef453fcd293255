import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { isPromise } from '../../lib/core/maybe-promise.js';

/** Something whose `then` is this. */
function having(then: unknown): PromiseLike<number> {
  return new Proxy({}, { get: (_, name) => (name === 'then' ? then : undefined) }) as PromiseLike<number>;
}

describe('isPromise', () => {
  it.each([
    ['a promise', Promise.resolve(1)],
    ['what an asynchronous function answers', (async () => 1)()],
    ['a promise of another realm', runInNewContext('Promise.resolve(1)') as Promise<number>],
    ['a thenable of a library', having((resolve: (value: number) => void) => resolve(1))],
  ])('sees what await waits for: %s', (_, value) => {
    expect(isPromise(value)).toBe(true);
  });

  it.each([undefined, null, false, 0, '', 'then', {}, [], having(true), () => 1])('sees no promise in %s', (value) => {
    expect(isPromise(value)).toBe(false);
  });
});
