import type { VerifyOptions } from '../options/verify-options.js';

/** Options of `verify` that never change: what is resolved from them is kept. @internal */
export type FixedOptions = Readonly<Pick<VerifyOptions, 'issuer' | 'audience'>>;

const fixed = new WeakSet<VerifyOptions>();

/** A copy, for one who will ask with it again and again. @internal */
export function fixOptions({ issuer, audience }: FixedOptions): FixedOptions {
  const copy = Object.freeze({
    ...(issuer !== undefined && { issuer: typeof issuer === 'string' ? issuer : Object.freeze([...issuer]) }),
    ...(audience !== undefined && {
      audience: typeof audience === 'object' ? Object.freeze([...audience]) : audience,
    }),
  });
  fixed.add(copy);
  return copy;
}

/** @internal */
export function isFixed(options: VerifyOptions): boolean {
  return fixed.has(options);
}
