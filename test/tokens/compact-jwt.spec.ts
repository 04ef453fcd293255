import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MalformedTokenError } from '../../lib/core/errors.js';
import { signToken, testKey } from '../support/keys.js';
import { encode, hasMember, isDeeplyFrozen, nested, rawToken } from './raw-token.js';
import { parseToken } from './verification.js';

const malformed = (token: unknown) =>
  expect(() => parseToken(token), String(token).slice(0, 80)).toThrow(MalformedTokenError);
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const header = { alg: 'RS256', kid: 'k' };

describe.each(['RS256', 'ES256', 'EdDSA'])('the encoding of a token signed with %s', (alg) => {
  let token: string;
  let parts: [string, string, string];
  beforeAll(async () => {
    token = await signToken(await testKey(alg), { iss: 'https://id.example.com/', sub: 'me' }, { typ: 'at+jwt' });
    parts = token.split('.') as typeof parts;
  });
  const around = (change: (part: string) => string) =>
    [0, 1, 2].map((place) => parts.map((part, index) => (index === place ? change(part) : part)).join('.'));

  it('is taken apart where it is canonical', () => {
    expect(parseToken(token)).toEqual({
      header: { alg, kid: `${alg}-1`, typ: 'at+jwt' },
      selector: { alg, kid: `${alg}-1` },
      claims: { iss: 'https://id.example.com/', sub: 'me' },
      issuer: 'https://id.example.com/',
    });
  });

  it('C4: rejects white space in, before and after every part', () => {
    for (const space of [' ', '\t', '\n', '\r\n', '\v', '\f', '\0', '\u00a0', '\u2028', '\ufeff', '\u200b']) {
      for (const spaced of around((part) => part + space)) malformed(spaced);
      for (const spaced of around((part) => space + part)) malformed(spaced);
      for (const spaced of around((part) => part.slice(0, 7) + space + part.slice(7))) malformed(spaced);
    }
  });

  it('C5: rejects padding and the other alphabet', () => {
    for (const extra of ['=', '==', '===', '+', '/', '%3D', '.', ',', '~'])
      for (const other of around((part) => part + extra)) malformed(other);
    for (const char of ['+', '/'])
      for (const other of around((part) => part.slice(0, 4) + char + part.slice(5))) malformed(other);
  });

  it('C6: rejects every other spelling of the last character', () => {
    for (const [place, part] of parts.entries()) {
      const bytes = Buffer.from(part, 'base64url');
      for (const last of alphabet) {
        const other = part.slice(0, -1) + last;
        // Same bytes in another spelling; other bytes are the signature's to refuse.
        if (other === part || !Buffer.from(other, 'base64url').equals(bytes)) continue;
        malformed(parts.with(place, other).join('.'));
      }
    }
  });

  it('C7: rejects what is not ASCII, look-alikes included', () => {
    for (const char of ['\u0410', '\uff21', '\u2010', '\u017f', 'é', '\ud83d\ude00', '\ud800', '\u0141'])
      for (const other of around((part) => char + part.slice(1))) malformed(other);
    // Buffer cuts characters down to a byte: U+0141 would be an A, U+012E a dot.
    malformed(token.replace('.', '\u012e'));
  });

  it('C3, C14: rejects another number of parts, and empty ones', () => {
    const [first, second, third] = parts;
    for (const other of [
      '',
      '.',
      '..',
      '...',
      '....',
      first,
      `${first}.`,
      `.${first}`,
      `${first}.${second}`,
      `${token}.`,
      `.${token}`,
      `${token}.${third}`,
    ])
      malformed(other);
    for (const empty of around(() => '')) malformed(empty);
    malformed(`${token}.${token}`);
  });
});

describe('what a canonical token must be', () => {
  it('C3: takes no text without dots apart, though all but its last character is a header', () => {
    const header = Buffer.from('{"alg":"ES256" }').toString('base64url');
    malformed(`${header}A`);
    malformed(`${header}.${header}A`);
  });

  it('C3: looks at nothing of a text with one dot, though all but its last character is a header and a payload', () => {
    // "YQ" is a letter, and no JSON.
    expect(() => parseToken(`${encode(header)}.YQA`)).toThrow(new MalformedTokenError().message);
  });

  it('C6: lets no part of a single character, or one over a multiple of four, pass', () => {
    for (const part of alphabet) malformed(`${encode(header)}.${encode({})}.${part}`);
    for (const part of alphabet) malformed(`${encode(header)}.${encode({})}.AAAA${part}`);
  });

  it('C1: rejects a JWE', () => {
    const jwe = [encode({ alg: 'RSA-OAEP', enc: 'A256GCM' }), 'a2V5', 'aXY_', 'dGV4', 'dGFn'].join('.');
    malformed(jwe);
    malformed(jwe.replace('a2V5', ''));
  });

  it('C2: rejects JWS JSON, as text and as an object, and whatever is no string', () => {
    const json = { protected: encode(header), payload: encode({}), signature: 'c2ln' };
    const token = rawToken(header);
    for (const other of [json, JSON.stringify(json), JSON.stringify({ payload: json.payload, signatures: [json] })])
      malformed(other);
    for (const other of [
      undefined,
      null,
      0,
      true,
      [token],
      Buffer.from(token),
      new String(token),
      { toString: () => token },
      () => token,
    ])
      malformed(other);
  });

  it('C13: rejects more than 8192 characters before it looks at one', () => {
    const start = `${encode(header)}.${encode({})}.`;
    const longest = start + 'A'.repeat(8192 - start.length - ((8192 - start.length) % 4));
    expect(parseToken(longest).header).toEqual(header);
    expect(() => parseToken(start.padEnd(8193, 'A'))).toThrow('too long');
    expect(() => parseToken('\u00e9'.repeat(8193))).toThrow('too long');
  });

  it('C3, C13: rejects a million dots, ten megabytes and what is hard on a pattern', () => {
    const huge = ['.'.repeat(1e6), 'A'.repeat(1e7), `${'A'.repeat(4e6)}.`.repeat(3)];
    const hard = [
      '.'.repeat(8192),
      'A'.repeat(8192),
      `${'A'.repeat(8190)}.=`,
      `.${'='.repeat(8191)}`,
      '\ud800'.repeat(8192),
    ];
    for (const token of [...huge, ...hard])
      for (let time = 0; time < 10; time += 1) expect(() => parseToken(token)).toThrow(MalformedTokenError);
  });

  it('C8: rejects header and payload that are not UTF-8', () => {
    for (const bytes of [
      [0xff, 0xfe],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
      [0x80],
    ]) {
      const text = Buffer.concat([Buffer.from('{"alg":"RS256","x":"'), Buffer.from(bytes), Buffer.from('"}')]);
      malformed(rawToken(text));
      malformed(rawToken(header, text));
    }
    // The replacement character itself is a character like any other.
    expect(parseToken(rawToken(header, '{"sub":"\ufffd😀é"}')).claims).toEqual({ sub: '\ufffd😀é' });
  });

  it('C9: rejects a byte order mark', () => {
    malformed(rawToken('\ufeff{"alg":"RS256"}'));
    malformed(rawToken(header, '\ufeff{}'));
    malformed(rawToken(header, Buffer.from('{}', 'utf16le')));
  });

  it('C11: rejects a header or a payload that is no JSON object', () => {
    for (const text of [
      '[]',
      '[{"alg":"RS256"}]',
      '"{}"',
      '1',
      'null',
      'true',
      '""',
      '{',
      '{}{}',
      '{"a":1,}',
      "{'a':1}",
      '{"a":NaN}',
      '\0',
      'a.b',
    ]) {
      malformed(rawToken(text));
      malformed(rawToken(header, text));
    }
  });

  it('C12: takes 32 levels of nesting and rejects 33, brackets in strings not counted', () => {
    const inside = (text: string) => [`{"alg":"RS256","x":${text}}`, `{"x":${text}}`];
    for (const text of [
      nested(31),
      `"${'['.repeat(100)}"`,
      `"\\"${'{'.repeat(100)}"`,
      `["\\\\",${'[],'.repeat(99)}{}]`,
      `[${'{},'.repeat(99)}[]]`,
      `${'['.repeat(31)}"text",null,1${']'.repeat(31)}`,
      `${'{"x":'.repeat(31)}"text"${'}'.repeat(31)}`,
    ]) {
      const [first, second] = inside(text);
      expect(parseToken(rawToken(first, second)).claims).toEqual(JSON.parse(second as string));
    }
    for (const text of [
      nested(32),
      nested(2000),
      '{"x":'.repeat(40) + '1' + '}'.repeat(40),
      `["\\\\",${nested(31)}]`,
    ]) {
      const [first, second] = inside(text);
      expect(() => parseToken(rawToken(first))).toThrow(
        (first ?? '').length > 1_500 ? 'longer than 2048' : 'nested too deeply',
      );
      expect(() => parseToken(rawToken(header, second))).toThrow('nested too deeply');
    }
    malformed(rawToken(header, '['.repeat(6000)));
  });

  it('C10, A12: lets the last of members with one name hold, in the header and in the claims', () => {
    expect(() => parseToken(rawToken('{"alg":"RS256","alg":""}'))).toThrow('"alg"');
    const jwt = parseToken(rawToken('{"alg":"none","kid":"bad","alg":"RS256","kid":"good"}', '{"iss":"a","iss":"b"}'));
    expect(jwt.selector).toEqual({ alg: 'RS256', kid: 'good' });
    expect(jwt.header).toEqual({ alg: 'RS256', kid: 'good' });
    expect(jwt.issuer).toBe('b');
  });

  it('knows an issuer only where `iss` is a string of its own', () => {
    for (const iss of [undefined, null, 1, ['https://id.example.com/'], { toString: 'x' }]) {
      expect(parseToken(rawToken(header, { iss })).issuer).toBeUndefined();
    }
    expect(parseToken(rawToken(header, '{"__proto__":{"iss":"x"}}')).issuer).toBeUndefined();
    expect(parseToken(rawToken(header, { iss: '' })).issuer).toBe('');
  });
});

describe('the header', () => {
  it('A1: needs an `alg` that is a string', () => {
    for (const alg of ['', null, undefined, 0, 1, true, ['none'], ['RS256'], { alg: 'RS256' }]) {
      expect(() => parseToken(rawToken({ alg }))).toThrow('"alg"');
    }
    expect(() => parseToken(rawToken('{"__proto__":{"alg":"RS256"}}'))).toThrow('"alg"');
  });

  it('B3, B4, B5: takes any `kid` of up to 256 characters, and nothing that is no string', () => {
    for (const kid of [null, 1, 0, true, false, [], {}, ['k1'], 12345678901234567890, 'k'.repeat(257)]) {
      expect(() => parseToken(rawToken({ alg: 'RS256', kid }))).toThrow('"kid"');
    }
    for (const kid of ['', '__proto__', '../../dev/null', '\0', 'a\r\nb', 'k'.repeat(256), undefined]) {
      expect(parseToken(rawToken({ alg: 'RS256', kid })).selector.kid).toBe(kid);
    }
  });

  it('A10, A11: rejects `crit` in every form', () => {
    for (const crit of [
      ['x'],
      ['exp'],
      ['alg'],
      ['__proto__'],
      [],
      ['b64'],
      ['b64', 'b64'],
      'b64',
      '',
      [1],
      null,
      false,
      {},
    ]) {
      expect(() => parseToken(rawToken({ ...header, crit, x: 1, b64: true }))).toThrow('"crit"');
      expect(() => parseToken(rawToken({ ...header, crit, b64: false }))).toThrow('"crit"');
    }
  });

  it('A11, A14: takes `b64` without `crit`, `zip`, `enc` and `cty` for text', () => {
    const odd = { ...header, b64: false, zip: 'DEF', enc: 'A256GCM', cty: 'JWT' };
    expect(parseToken(rawToken(odd)).header).toEqual(odd);
  });

  it('A13: rejects a `typ` that is no string', () => {
    for (const typ of [null, 1, true, [], ['JWT'], {}])
      expect(() => parseToken(rawToken({ ...header, typ }))).toThrow('"typ"');
    for (const typ of ['JWT', 'at+jwt', '']) expect(parseToken(rawToken({ ...header, typ })).header.typ).toBe(typ);
  });

  it('E14: has no member called __proto__ at any depth, and is frozen all the way down', () => {
    const text =
      '{"alg":"RS256","__proto__":{"kid":"x"},"jwk":{"__proto__":{"polluted":1},"a":[{"__proto__":null,"constructor":1}]}}';
    const jwt = parseToken(rawToken(text));
    expect(jwt.header).toEqual({ alg: 'RS256', jwk: { a: [{ constructor: 1 }] } });
    expect(hasMember(jwt.header, '__proto__')).toBe(false);
    expect(isDeeplyFrozen(jwt.header)).toBe(true);
    expect(Object.getPrototypeOf(jwt.header)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('is that of its own token, whichever came before', () => {
    const tokens = ['a', 'b', 'b', 'a', 'a'].map((kid) => rawToken({ alg: 'RS256', kid }, { iss: kid }));
    expect(tokens.map((token) => parseToken(token).selector.kid)).toEqual(['a', 'b', 'b', 'a', 'a']);
    // One that was refused leaves nothing behind.
    malformed(rawToken({ alg: 'RS256', kid: 'b', crit: [] }));
    malformed(rawToken({ alg: 'RS256', kid: 'b', crit: [] }));
  });

  it('is decoded once for tokens that have the same, one after the other', () => {
    const [first, second, other] = ['a', 'a', 'b'].map((kid, index) =>
      parseToken(rawToken({ alg: 'RS256', kid }, { index })),
    );
    expect(second?.header).toBe(first?.header);
    expect(other?.header).not.toBe(first?.header);
  });
});

describe('parseCompactJwt, whatever it is given', () => {
  it('throws nothing but MalformedTokenError', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.json());
    const part = fc.oneof(text, text.map(encode), fc.uint8Array({ maxLength: 40 }).map(encode));
    const token = fc.oneof(
      fc.anything(),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(token, (value) => {
        try {
          parseToken(value);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedTokenError);
          expect((error as Error).cause).toBeUndefined();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes one spelling of a token only', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })),
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        (members, signature) => {
          const token = rawToken({ alg: 'x' }, members, signature);
          const jwt = parseToken(token);
          expect(jwt.claims).toEqual(JSON.parse(JSON.stringify(members)));
          expect(token.split('.').map((part) => Buffer.from(part, 'base64url').toString('base64url'))).toEqual(
            token.split('.'),
          );
        },
      ),
    );
  });

  it('says nothing of the token in its errors', () => {
    for (const token of [
      rawToken('{"secret', {}),
      rawToken(header, '{"secret'),
      rawToken({ alg: 'RS256', crit: 'secret' }),
    ]) {
      try {
        parseToken(token);
        expect.unreachable();
      } catch (error) {
        expect(`${String(error)} ${JSON.stringify(error)} ${String((error as Error).cause)}`).not.toContain('secret');
      }
    }
  });
});

describe('the header of a token', () => {
  it('has at most 2,048 characters: nothing longer is parsed', () => {
    const padded = (length: number) => ({ ...header, pad: 'x'.repeat(length) });
    const longest = 2_048 - Buffer.from(JSON.stringify(padded(0))).toString('base64url').length;
    expect(() => parseToken(rawToken(padded(Math.floor(longest * 0.75) - 2)))).not.toThrow();
    expect(() => parseToken(rawToken(padded(longest)))).toThrow('longer than 2048 characters');
  });
});
