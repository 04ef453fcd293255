import { IncomingMessage } from 'node:http';

/** Answers with the object that it was given: a subclass's private fields then go on that one. */
class Given {
  constructor(object: object) {
    return object as Given;
  }
}

/**
 * A value kept with objects of others, which nobody else can see, copy, inherit or forge: a private field of theirs. What a `WeakMap` does,
 * which for objects as short-lived as requests costs fifty times as much.
 *
 * @internal
 */
export interface PrivateSlot<T> {
  of(object: object): T | undefined;
  /** Answers with `value`. */
  fill(object: object, value: T): T;
}

/** @internal */
export function privateSlot<T>(): PrivateSlot<T> {
  const outside = new WeakMap<object, T>();

  return class Holder extends Given {
    #value: T;

    constructor(object: object, value: T) {
      super(object);
      this.#value = value;
    }

    static of(object: object): T | undefined {
      return !isDear(object) && #value in object ? object.#value : outside.get(object);
    }

    static fill(object: object, value: T): T {
      if (isDear(object)) outside.set(object, value);
      else if (#value in object) object.#value = value;
      else if (Object.isExtensible(object)) Reflect.construct(Holder, [object, value]);
      else outside.set(object, value);
      return value;
    }
  };
}

/**
 * Express changes the prototype of each request, after which each has a hidden class to itself: looking for a field is dear then, and adding
 * one takes the runtime three times as long as an entry in a map (before Node 24).
 */
function isDear(object: object): boolean {
  return object instanceof IncomingMessage;
}
