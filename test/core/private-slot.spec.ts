import { describe, expect, it } from 'vitest';
import { privateSlot } from '../../lib/core/private-slot.js';

describe('a private slot', () => {
  it.each([
    ['an object', () => ({})],
    ['a function', () => () => 1],
    ['one that may not be added to', () => Object.freeze({})],
    ['one without a prototype', () => Object.create(null) as object],
    ['a proxy', () => new Proxy({}, { get: () => 'forged', has: () => true, set: () => false })],
  ])('keeps a value with %s, and another one in its place', (_, make) => {
    const slot = privateSlot<number>();
    const object = make();
    expect(slot.of(object)).toBeUndefined();
    expect(slot.fill(object, 1)).toBe(1);
    expect(slot.of(object)).toBe(1);
    expect(slot.fill(object, 2)).toBe(2);
    expect(slot.of(object)).toBe(2);
  });

  it('is invisible, and goes neither to copies nor to heirs', () => {
    const slot = privateSlot<number>();
    const object = { a: 1 };
    slot.fill(object, 1);
    expect(Reflect.ownKeys(object)).toEqual(['a']);
    for (const other of [
      { ...object },
      Object.assign({}, object),
      Object.create(object) as object,
      new Proxy(object, {}),
    ])
      expect(slot.of(other)).toBeUndefined();
  });

  it('does not meet another slot, nor another object', () => {
    const [one, other] = [privateSlot<number>(), privateSlot<number>()];
    const object = {};
    one.fill(object, 1);
    expect(other.of(object)).toBeUndefined();
    expect(one.of({})).toBeUndefined();
    other.fill(object, 2);
    expect([one.of(object), other.of(object)]).toEqual([1, 2]);
  });
});
