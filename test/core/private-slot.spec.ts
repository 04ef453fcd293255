import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { privateSlot } from '../../lib/core/private-slot.js';

const nodeRequest = () => new IncomingMessage(new Socket());
const expressProto = Object.create(IncomingMessage.prototype) as object;

describe('a private slot', () => {
  it.each([
    ['an object', () => ({})],
    ['a function', () => () => 1],
    ['one that may not be added to', () => Object.freeze({})],
    [
      "Node's request, whose prototype Express changes",
      () => Object.setPrototypeOf(nodeRequest(), expressProto) as object,
    ],
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

  it.each([
    ['an object', () => ({ a: 1 })],
    ["Node's request", nodeRequest],
  ])('is seen by nobody, and goes neither to copies nor to heirs: %s', (_, make) => {
    const slot = privateSlot<number>();
    const object = make();
    const keys = Reflect.ownKeys(object);
    slot.fill(object, 1);
    expect(Reflect.ownKeys(object)).toEqual(keys);
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

describe('what is kept with a request', () => {
  it('does not pass to one that claims to be of another kind', () => {
    const slot = privateSlot<number>();
    const request = nodeRequest();
    slot.fill(request, 1);
    Object.setPrototypeOf(request, null);
    expect(slot.of(request)).toBe(1);
    const plain = {};
    slot.fill(plain, 1);
    Object.setPrototypeOf(plain, IncomingMessage.prototype);
    expect(slot.of(plain)).toBeUndefined();
  });
});
