import type { JwksVerifyOptions } from '../options/verify-options.js';

/** Options of `verify` that never change: what is resolved from them is kept. @internal */
export type FrozenOptions = Readonly<Pick<JwksVerifyOptions, 'issuer' | 'audience'>>;

const frozen = new WeakSet<JwksVerifyOptions>();

/** A copy, for one who will ask with it again and again. @internal */
export function freezeOptions({ issuer, audience }: FrozenOptions): FrozenOptions {
  const copy = Object.freeze({
    ...(issuer !== undefined && { issuer: typeof issuer === 'string' ? issuer : Object.freeze([...issuer]) }),
    ...(audience !== undefined && {
      audience: typeof audience === 'object' ? Object.freeze([...audience]) : audience,
    }),
  });
  frozen.add(copy);
  return copy;
}

/** @internal */
export function isFrozen(options: JwksVerifyOptions): boolean {
  return frozen.has(options);
}
