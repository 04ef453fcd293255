// What the cases of the fuzzer are made of.
import { sign } from 'node:crypto';

/** Values that stand where others should. */
export const ODD = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  '',
  ' ',
  '\0',
  'none',
  'HS256',
  'ES256',
  'RS256',
  '__proto__',
  'constructor',
  '../../dev/null',
];
const PIECES = ['.', '..', '=', '+', '/', ' ', '\t', ',', '%2E', '\u00e9', '~', '{', 'null', 'eyJ', '-', '_', 'A', ';'];

/** Mulberry32 over seed and number of the case. */
export function randomOf(seed, number) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end) => Math.floor(fraction() * end);
  return {
    below,
    of: (list) => list[below(list.length)],
    text: (size) => Array.from({ length: below(size) }, () => String.fromCharCode(32 + below(95))).join(''),
  };
}

/** A text with a piece added, taken away, changed or repeated. */
export function edited(random, text) {
  const [at, length] = [random.below(text.length + 1), 1 + random.below(4)];
  return random.of([
    () => text.slice(0, at) + random.of(PIECES) + text.slice(at),
    () => text.slice(0, at) + text.slice(at + length),
    () => text.slice(0, at) + random.of(PIECES) + text.slice(at + 1),
    () => text.slice(0, at),
    () => text.slice(at),
    () => text.slice(0, at) + text.slice(at, at + length).toUpperCase() + text.slice(at + length),
    () => text.slice(0, at) + text.slice(at, at + 40).repeat(1 + random.below(200)) + text.slice(at),
  ])();
}

export function signedBy(text, key, digest) {
  return `${text}.${sign(digest, Buffer.from(text), key).toString('base64url')}`;
}

export function encode(part) {
  return Buffer.from(typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)).toString(
    'base64url',
  );
}

export function nested(depth) {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}
