import type { JwksVerifyOptions } from './verify-options.js';

/** Options of `verify` that never change: what is resolved from them is kept. @internal */
export type FrozenOptions = Readonly<Pick<JwksVerifyOptions, 'issuer' | 'audience'>>;

const frozen = new WeakSet<JwksVerifyOptions>();

/** Returns a frozen copy without a prototype, whose resolved form is cached. @internal */
export function freezeOptions({ issuer, audience }: FrozenOptions): FrozenOptions {
  const given = {
    ...(issuer !== undefined && { issuer: typeof issuer === 'string' ? issuer : Object.freeze([...issuer]) }),
    ...(audience !== undefined && {
      audience: typeof audience === 'object' ? Object.freeze([...audience]) : audience,
    }),
  };
  const copy: FrozenOptions = Object.freeze(Object.assign(Object.create(null) as object, given));
  frozen.add(copy);
  return copy;
}

/** @internal */
export function isFrozen(options: JwksVerifyOptions): boolean {
  return frozen.has(options);
}
