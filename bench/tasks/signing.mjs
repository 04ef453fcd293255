import { writeFileSync } from 'node:fs';
import { claimsFor, signer } from '../support/tokens.mjs';

/** Writes tokens to a file, one a line; the nth is of the nth issuer, round and round. */
export function writeTokens({ file, key, issuers, from, to }) {
  const sign = signer(key);
  const lines = [];
  for (let id = from; id < to; id += 1) lines.push(`${sign(claimsFor(issuers[id % issuers.length], id))}\n`);
  writeFileSync(file, lines.join(''));
}
