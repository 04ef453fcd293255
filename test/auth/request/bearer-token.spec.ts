import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JwksError } from '../../../lib/core/errors.js';
import { assertSafeForExtractors, parseAuthorization } from '../../../lib/auth/request/bearer-token.js';
import { parseToken } from '../../tokens/verification.js';

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
    'Bearer',
    'bearer ',
    ' BEARER \t ',
  ])('takes another scheme, and one with nothing behind it, for no token: %j', (value) => {
    expect(parseAuthorization(value)).toBeUndefined();
  });

  it.each([
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
  ])('rejects what claims to be Bearer and has no token: %j', (value) => {
    expect(() => parseAuthorization(value)).toThrow(MALFORMED);
  });

  it.each(['Bearer =', 'Bearer "abc"', 'Bearer a\u00e9b', 'Bearer a=b', 'Bearer a\0b', 'Bearer {}', 'Bearer a\u00a0b'])(
    'leaves the characters of a token to those who read tokens: %j',
    (value) => {
      expect(() => parseToken(parseAuthorization(value))).toThrow(MALFORMED);
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
  ])('rejects to choose between two: %j', (value) => {
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

  it('G11: looks at no character of 16 kB more than twice, whatever their shape', () => {
    const units = ['a', ' ', '\t', '=', ',', 'Bearer ', 'Basic ', 'a ', 'a,', 'a.', '"', '\u00a0', '\u00ff', '='];
    const shapes = units.flatMap((unit) => {
      const filler = unit.repeat(Math.ceil(16_384 / unit.length));
      return [
        filler,
        `Bearer ${filler}`,
        `Bearer ${filler}"`,
        `Bearer${filler}`,
        `Basic ${filler}`,
        `Bearer a${filler}`,
      ];
    });
    for (const shape of shapes) {
      const { characters, others } = readsOf(() => outcomeOf(shape));
      expect(characters).toBeGreaterThan(0);
      expect(characters).toBeLessThanOrEqual(2 * shape.length + 8);
      // Each goes through the text once at most.
      expect(others.length).toBeLessThanOrEqual(6);
      for (const method of others) expect(['slice', 'includes', 'toLowerCase']).toContain(method);
    }
  });
});

describe('assertSafeForExtractors', () => {
  it.each([undefined, 42, 'a'.repeat(1024), `Bearer ${'a'.repeat(16_000)}`, `Negotiate ${'a'.repeat(60_000)}`])(
    'accepts what an extractor reads quickly (%#)',
    (value) => {
      expect(() => assertSafeForExtractors(value)).not.toThrow();
    },
  );

  it.each([
    'a'.repeat(1025),
    `${'a'.repeat(100)} ${'\u00a0'.repeat(16_000)}`,
    `${'a'.repeat(63)} ${'\u00a0'.repeat(16_000)}`,
    ` ${'a'.repeat(16_000)}`,
  ])('rejects a long header whose scheme never ends, or is followed by blanks alone (%#)', (value) => {
    expect(() => assertSafeForExtractors(value)).toThrow(MALFORMED);
  });
});

function outcomeOf(value: string): string {
  try {
    const token = parseAuthorization(value);
    return token === undefined ? 'no token' : `token ${token}`;
  } catch (error) {
    return (error as JwksError).code;
  }
}

/**
 * How often `work` asks strings for a character, and by which methods it takes them as a whole;
 * those of regular expressions count there.
 */
function readsOf(work: () => unknown): { characters: number; others: string[] } {
  const reads = { characters: 0, others: [] as string[] };
  const methods = Object.getOwnPropertyNames(String.prototype).filter((name) => !/^(constructor|length)$/.test(name));
  const places: [object, string][] = [
    ...methods.map((name): [object, string] => [String.prototype, name]),
    [RegExp.prototype, 'exec'],
    [RegExp.prototype, 'test'],
  ];
  const undo = places.map(([object, name]) => {
    const original = Reflect.get(object, name) as (...args: unknown[]) => unknown;
    Reflect.set(object, name, function (this: unknown, ...args: unknown[]): unknown {
      if (name === 'charCodeAt') reads.characters += 1;
      else reads.others.push(name);
      return original.apply(this, args);
    });
    return () => Reflect.set(object, name, original);
  });
  try {
    work();
    return reads;
  } finally {
    undo.forEach((restore) => restore());
  }
}
