// What the cases of the fuzzer are made of.
import { sign } from 'node:crypto';
import fc from 'fast-check';

/** Values that stand where others should. */
export const odd = fc.constantFrom(
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
);
const PIECES = ['.', '..', '=', '+', '/', ' ', '\t', ',', '%2E', '\u00e9', '~', '{', 'null', 'eyJ', '-', '_', 'A', ';'];

/** Printable ASCII, of any length up to this one. */
export const printable = (maxLength) => fc.string({ maxLength, size: 'max' });

/** A place in a text or list whose length is known later: `at(length)` is below it. */
export const place = fc.nat(0xffff).map((number) => ({ at: (length) => number % length }));

const edit = fc.record({
  place,
  length: fc.integer({ min: 1, max: 4 }),
  piece: fc.constantFrom(...PIECES),
  times: fc.integer({ min: 1, max: 200 }),
  how: fc.constantFrom(
    (head, tail, { piece }) => head + piece + tail,
    (head, tail, { length }) => head + tail.slice(length),
    (head, tail, { piece }) => head + piece + tail.slice(1),
    (head) => head,
    (head, tail) => tail,
    (head, tail, { length }) => head + tail.slice(0, length).toUpperCase() + tail.slice(length),
    (head, tail, { times }) => head + tail.slice(0, 40).repeat(times) + tail,
  ),
});

/** The texts with one to `maxEdits` pieces added, taken away, changed or repeated. */
export function edited(texts, maxEdits = 1) {
  return fc.tuple(texts, fc.array(edit, { minLength: 1, maxLength: maxEdits })).map(([text, edits]) =>
    edits.reduce((result, { how, ...rest }) => {
      const at = rest.place.at(result.length + 1);
      return how(result.slice(0, at), result.slice(at), rest);
    }, text),
  );
}

/** One of several arbitraries, each as often as its weight says: `[weight, arbitrary]`. */
export const weighted = (...choices) => fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));

export function signedBy(text, key, digest) {
  return `${text}.${sign(digest, Buffer.from(text), key).toString('base64url')}`;
}

export function encode(part) {
  return Buffer.from(typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)).toString(
    'base64url',
  );
}

export function decode(part) {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

export function nested(depth) {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}
