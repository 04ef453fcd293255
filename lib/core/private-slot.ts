/** Returns the object that it was given: a subclass's private fields then go on that one. */
class Given {
  constructor(object: object) {
    return object as Given;
  }
}

/**
 * A value kept with objects of others, which other code cannot see, copy, inherit or forge: a private
 * field of theirs. What a `WeakMap` does, which for objects as short-lived as requests costs fifty
 * times as much.
 *
 * @internal
 */
export interface PrivateSlot<T> {
  of(object: object): T | undefined;
  /** Returns `value`. */
  fill(object: object, value: T): T;
}

/** @internal */
export function privateSlot<T>(): PrivateSlot<T> {
  /** Objects that may not be added to. */
  const others = new WeakMap<object, T>();

  return class Holder extends Given {
    #value: T;

    constructor(object: object, value: T) {
      super(object);
      this.#value = value;
    }

    static of(object: object): T | undefined {
      return #value in object ? object.#value : others.get(object);
    }

    static fill(object: object, value: T): T {
      if (#value in object) object.#value = value;
      else if (Object.isExtensible(object)) return new Holder(object, value).#value;
      else others.set(object, value);
      return value;
    }
  };
}
