import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JwksError } from '../../lib/core/errors.js';
import { assertHarmless, parseAuthorization } from '../../lib/auth/bearer-token.js';
import { parseCompactJwt } from '../../lib/tokens/compact-jwt.js';

const MALFORMED = expect.objectContaining({ code: 'token_malformed' });
const AMBIGUOUS = expect.objectContaining({ code: 'invalid_request' });

const CHARS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/';
const token68 = fc
  .tuple(fc.string({ unit: fc.constantFrom(...CHARS), minLength: 1, maxLength: 200 }), fc.constantFrom('', '=', '=='))
  .map((parts) => parts.join(''));
const scheme = fc.constantFrom('Bearer', 'bearer', 'BEARER', 'bEaReR');
const spaces = fc.integer({ min: 1, max: 50 }).map((count) => ' '.repeat(count));

describe('parseAuthorization', () => {
  it('reads the token of every Bearer header, in whatever case and with however many spaces', () => {
    fc.assert(
      fc.property(scheme, spaces, token68, (name, gap, token) => {
        expect(parseAuthorization(`${name}${gap}${token}`)).toBe(token);
      }),
    );
  });

  it.each([' Bearer abc', 'Bearer abc ', '\tBearer abc \t'])('takes no notice of blanks around it: %j', (value) => {
    expect(parseAuthorization(value)).toBe('abc');
  });

  it.each([
    'Basic dXNlcjpwYXNz',
    'Basic',
    '',
    ' ',
    'Bearerabc',
    'Bearer-X abc',
    'DPoP abc',
    'Digest username="x, Bearer y"',
    'abc',
    'bear er',
  ])('takes another scheme for no token: %j', (value) => {
    expect(parseAuthorization(value)).toBeUndefined();
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer     ',
    'bearer\tabc',
    'Bearer/abc',
    'Bearer"abc"',
    'Bearer=',
    'Bearer,',
    'Bearer "a b"',
    'Bearer ,abc',
    'Bearer =,abc',
    'Bearer a\u00e9, b',
    'Bearer a=b c',
  ])('refuses what claims to be Bearer and has no token: %j', (value) => {
    expect(() => parseAuthorization(value)).toThrow(MALFORMED);
  });

  it.each(['Bearer =', 'Bearer "abc"', 'Bearer a\u00e9b', 'Bearer a=b', 'Bearer a\0b', 'Bearer {}', 'Bearer a\u00a0b'])(
    'leaves the characters of a token to those who read tokens: %j',
    (value) => {
      expect(() => parseCompactJwt(parseAuthorization(value))).toThrow(MALFORMED);
    },
  );

  it.each([
    'Bearer a b',
    'Bearer a  b c',
    'Bearer a, Bearer b',
    'Bearer a,Bearer b',
    'Bearer a, Basic b',
    'Bearer a\tb',
    'bearer a==, b',
  ])('refuses to choose between two: %j', (value) => {
    expect(() => parseAuthorization(value)).toThrow(AMBIGUOUS);
  });

  it('answers any text with a token in one piece, with nothing, or with a fault of the token', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .tuple(scheme, fc.string({ unit: fc.constantFrom(' ', '\t', ',', '=', 'a', '"', '\u00a0'), maxLength: 30 }))
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        expect(outcomeOf(value)).toMatch(/^(token [^ \t,]+|no token|token_malformed|invalid_request)$/);
      }),
      { numRuns: 500 },
    );
  });

  it('reads 16 kB of any shape in no time', () => {
    const shapes = ['a', ' ', '\t', '=', ',', 'Bearer ', 'a ', 'a,', '\u00a0'].flatMap((unit) => {
      const filler = unit.repeat(Math.ceil(16_384 / unit.length));
      return [filler, `Bearer ${filler}`, `Bearer ${filler}"`, `Bearer${filler}`, `Basic ${filler}`];
    });
    const start = process.cpuUsage();
    for (const shape of shapes) for (let round = 0; round < 10; round += 1) outcomeOf(shape);
    const spent = process.cpuUsage(start);
    // 450 headers: a quadratic parser takes 100 ms for each.
    expect((spent.user + spent.system) / 1000).toBeLessThan(2000);
  });
});

describe('assertHarmless', () => {
  it.each([undefined, 42, 'a'.repeat(1024), `Bearer ${'a'.repeat(16_000)}`, `Negotiate ${'a'.repeat(60_000)}`])(
    'lets pass what an extractor reads quickly (%#)',
    (value) => {
      expect(() => assertHarmless(value)).not.toThrow();
    },
  );

  it.each(['a'.repeat(1025), `${'a'.repeat(100)} ${'\u00a0'.repeat(16_000)}`, ` ${'a'.repeat(16_000)}`])(
    'refuses a long header whose scheme never ends (%#)',
    (value) => {
      expect(() => assertHarmless(value)).toThrow(MALFORMED);
    },
  );
});

function outcomeOf(value: string): string {
  try {
    const token = parseAuthorization(value);
    return token === undefined ? 'no token' : `token ${token}`;
  } catch (error) {
    return (error as JwksError).code;
  }
}
