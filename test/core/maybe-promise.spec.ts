import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { isPromise } from '../../lib/core/maybe-promise.js';

describe('isPromise', () => {
  it.each([
    ['a promise', Promise.resolve(1)],
    ['what an asynchronous function answers', (async () => 1)()],
    ['a promise of another realm', runInNewContext('Promise.resolve(1)') as Promise<number>],
    ['a thenable of a library', { then: (resolve: (value: number) => void) => resolve(1) } as PromiseLike<number>],
    ['a function with a then', Object.assign(() => 1, { then: () => 1 }) as unknown as PromiseLike<number>],
  ])('sees what await waits for: %s', (_, value) => {
    expect(isPromise(value)).toBe(true);
  });

  it.each([undefined, null, false, 0, '', 'then', {}, [], { then: true }, () => 1])(
    'sees no promise in %s',
    (value) => {
      expect(isPromise(value)).toBe(false);
    },
  );
});
