import type { JwksVerifyOptions } from './verify-options.js';

/** Options of `verify` that never change: what is resolved from them is kept. @internal */
export type FrozenOptions = Readonly<Pick<JwksVerifyOptions, 'issuer' | 'audience'>>;

const frozen = new WeakSet<JwksVerifyOptions>();

/** A frozen copy, which resolves its rules once. @internal */
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
