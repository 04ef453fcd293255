import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  InvalidClaimError,
  isJwksError,
  MalformedTokenError,
  TokenError,
  TokenExpiredError,
  TokenNotActiveError,
  UntrustedIssuerError,
} from '../../lib/core/errors.js';
import { validateClaims, validateTimestamps, validateType, type TokenRules } from '../../lib/tokens/claims.js';
import type { JsonObject } from '../../lib/tokens/json-object.js';
import { hasMember, isDeeplyFrozen, nested } from './raw-token.js';

const now = Date.UTC(2026, 0, 1);
const seconds = now / 1000;
const iss = 'https://id.example.com/';
const rules: TokenRules = {
  issuer: iss,
  audience: ['orders-api'],
  algorithms: new Set(['RS256']),
  clockTolerance: 0,
  requiredClaims: [],
};
const lax: TokenRules = { ...rules, issuer: false, audience: false };

/**
 * Judges a payload that has gone over the wire; figures that JSON has no word for are given as
 * text.
 */
function judge(payload: object | string, changes: Partial<TokenRules> = {}, base = lax) {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return validateClaims(JSON.parse(text) as JsonObject, { ...base, ...changes }, now);
}

function claimAtFault(judgement: () => unknown): string | undefined {
  try {
    judgement();
  } catch (error) {
    if (error instanceof InvalidClaimError) return error.claim;
    throw error;
  }
  return undefined;
}

describe('times', () => {
  const notFinite = [
    '"9999999999"',
    'null',
    'true',
    'false',
    '[]',
    '[9999999999]',
    '{}',
    '""',
    '"NaN"',
    '1e400',
    '-1e400',
  ];

  it.each(['exp', 'nbf', 'iat'])('E7, E10, E11: refuses an `%s` that is no finite number, asked for or not', (name) => {
    for (const value of notFinite)
      expect(
        claimAtFault(() => judge(`{"${name}":${value}}`)),
        value,
      ).toBe(name);
  });

  it('E7: takes any finite number for what it is', () => {
    for (const exp of [1e20, 1e308, seconds + 0.5]) expect(judge({ exp })).toEqual({ exp });
    for (const exp of [0, -1, 1.5, -1e308, seconds - 0.5]) expect(() => judge({ exp })).toThrow(TokenExpiredError);
  });

  it('E8: takes a token without `exp` only where it is not required', () => {
    expect(judge({})).toEqual({});
    expect(claimAtFault(() => judge({}, { requiredClaims: ['exp'] }))).toBe('exp');
  });

  it('E9: rejects on and after `exp`, the tolerance counted once', () => {
    expect(judge({ exp: seconds + 1 })).toEqual({ exp: seconds + 1 });
    expect(() => judge({ exp: seconds })).toThrow(TokenExpiredError);
    expect(() => judge({ exp: seconds - 1 })).toThrow(TokenExpiredError);
    expect(judge({ exp: seconds - 4 }, { clockTolerance: 5000 })).toEqual({ exp: seconds - 4 });
    expect(judge({ exp: seconds - 5 }, { clockTolerance: 5001 })).toEqual({ exp: seconds - 5 });
    expect(() => judge({ exp: seconds - 5 }, { clockTolerance: 5000 })).toThrow(TokenExpiredError);
  });

  it.each(['nbf', 'iat'])('E10, E11: refuses while `%s` lies in the future, the tolerance counted once', (name) => {
    for (const at of [0, -1, seconds - 1, seconds]) expect(judge({ [name]: at })).toEqual({ [name]: at });
    expect(() => judge({ [name]: seconds + 1 })).toThrow(TokenNotActiveError);
    expect(() => judge({ [name]: 1e308 })).toThrow(TokenNotActiveError);
    expect(judge({ [name]: seconds + 5 }, { clockTolerance: 5000 })).toEqual({ [name]: seconds + 5 });
    expect(() => judge({ [name]: seconds + 5 }, { clockTolerance: 4999 })).toThrow(TokenNotActiveError);
  });

  it('E11: rejects a token older than `maxTokenAge`, and one that does not report its age', () => {
    const aged = (iat: number, clockTolerance = 0) => judge({ iat }, { maxTokenAge: 60_000, clockTolerance });
    expect(aged(seconds - 60)).toEqual({ iat: seconds - 60 });
    expect(() => aged(seconds - 61)).toThrow(TokenExpiredError);
    expect(aged(seconds - 65, 5000)).toEqual({ iat: seconds - 65 });
    expect(() => aged(seconds - 66, 5000)).toThrow(TokenExpiredError);
    expect(claimAtFault(() => judge({ exp: seconds + 1 }, { maxTokenAge: 60_000 }))).toBe('iat');
    expect(() => judge({ iat: seconds }, { maxTokenAge: 0 })).not.toThrow();
  });

  it('can be validated again by themselves', () => {
    const claims = judge({ exp: seconds + 10, iat: seconds, nbf: seconds });
    expect(() => validateTimestamps(claims, rules, now + 9999)).not.toThrow();
    expect(() => validateTimestamps(claims, rules, now + 10_000)).toThrow(TokenExpiredError);
    expect(() => validateTimestamps(claims, rules, now - 1)).toThrow(TokenNotActiveError);
    expect(() => validateTimestamps(claims, { ...rules, maxTokenAge: 5000 }, now + 5001)).toThrow(TokenExpiredError);
  });
});

describe('the audience', () => {
  const refused = [
    'null',
    '""',
    '{}',
    '[]',
    '[["orders-api"]]',
    '"Orders-API"',
    '"orders-ap"',
    '"orders-api2"',
    '"orders-api "',
    '" orders-api"',
    '["orders"]',
    '1',
  ];

  it('E1: is rejected unless one member is exactly ours', () => {
    expect(claimAtFault(() => judge({ iss }, {}, rules))).toBe('aud');
    for (const aud of refused)
      expect(
        claimAtFault(() => judge(`{"iss":"${iss}","aud":${aud}}`, {}, rules)),
        aud,
      ).toBe('aud');
    expect(claimAtFault(() => judge({ iss, aud: 'constructor' }, {}, rules))).toBe('aud');
  });

  it('E2: is good where others are named beside ours, or where one of several is ours', () => {
    const audience = ['orders-api', 'billing-api'];
    for (const aud of ['orders-api', ['orders-api'], ['x', 'orders-api'], ['billing-api'], 'billing-api']) {
      expect(judge({ iss, aud }, { audience }, rules)).toEqual({ iss, aud });
    }
  });

  it('E3: is rejected where a member is no string, also where any audience will do', () => {
    for (const aud of [[1, 'orders-api'], ['orders-api', null], [['orders-api']], [{}], 1, true, null, {}]) {
      expect(claimAtFault(() => judge({ iss, aud }, {}, rules))).toBe('aud');
      expect(claimAtFault(() => judge({ aud }))).toBe('aud');
    }
  });

  it('may be anything of the right type, or absent, where `audience` is false', () => {
    for (const aud of [undefined, 'x', [], ['x', 'y'], ''])
      expect(judge({ aud })).toEqual(JSON.parse(JSON.stringify({ aud })));
  });
});

describe('the issuer', () => {
  const others = [
    'https://id.example.com',
    'https://ID.example.com/',
    'https://id.example.com:443/',
    'https://u@id.example.com/',
    'https://id.example.com/%',
    'https://id.example.com//',
    'http://id.example.com/',
    'https://\u0456d.example.com/',
    '',
    ' https://id.example.com/',
  ];

  it('E4: is compared exactly', () => {
    for (const other of others)
      expect(() => judge({ iss: other, aud: 'orders-api' }, {}, rules), other).toThrow(UntrustedIssuerError);
    expect(judge({ iss, aud: 'orders-api' }, {}, rules)).toEqual({ iss, aud: 'orders-api' });
  });

  it('E5: is rejected where it is no string, also where any issuer will do', () => {
    for (const value of [[iss], [iss, 'https://evil.example/'], null, 1, {}, true]) {
      expect(() => judge({ iss: value, aud: 'orders-api' }, {}, rules)).toThrow(TokenError);
      expect(claimAtFault(() => judge({ iss: value }))).toBe('iss');
    }
  });

  it('E6: must be there unless `issuer` is false', () => {
    expect(() => judge({ aud: 'orders-api' }, {}, rules)).toThrow(UntrustedIssuerError);
    expect(() => judge(`{"aud":"orders-api","__proto__":{"iss":"${iss}"}}`, {}, rules)).toThrow(UntrustedIssuerError);
    expect(judge({})).toEqual({});
  });
});

describe('other claims', () => {
  it('E12: `sub` must be a string where it is there', () => {
    for (const sub of [null, 1, ['me'], {}, true]) expect(claimAtFault(() => judge({ sub }))).toBe('sub');
    expect(judge({ sub: 'me' })).toEqual({ sub: 'me' });
  });

  it('required ones must be the token\u2019s own and not null', () => {
    const requiredClaims = ['scope', 'toString'];
    expect(claimAtFault(() => judge({}, { requiredClaims }))).toBe('scope');
    expect(claimAtFault(() => judge({ scope: null }, { requiredClaims }))).toBe('scope');
    expect(claimAtFault(() => judge({ scope: '' }, { requiredClaims }))).toBe('toString');
    for (const value of [0, false, '', []])
      expect(judge({ scope: value, toString: value }, { requiredClaims })).toBeDefined();
    expect(claimAtFault(() => judge('{"__proto__":{"a":1}}', { requiredClaims: ['__proto__'] }))).toBe('__proto__');
  });
});

describe('the token type', () => {
  const check = (tokenType: string | undefined, typ?: unknown) =>
    claimAtFault(() => validateType({ alg: 'RS256', ...(typ === undefined ? {} : { typ }) }, { ...rules, tokenType }));

  it('A13: is compared without regard to case, `application/` being optional on both sides', () => {
    for (const tokenType of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
      for (const typ of ['at+jwt', 'AT+JWT', 'at+JWT', 'application/at+jwt', 'Application/AT+jwt'])
        expect(check(tokenType, typ)).toBeUndefined();
      for (const typ of [
        'JWT',
        'jwt',
        'dpop+jwt',
        'logout+jwt',
        'secevent+jwt',
        undefined,
        null,
        1,
        '',
        'at+jwt ',
        'text/at+jwt',
        'application/application/at+jwt',
        'application/',
      ]) {
        expect(check(tokenType, typ)).toBe('typ');
      }
    }
    expect(check('kb+jwt', '\u212ab+jwt')).toBe('typ');
    expect(check('JWT', 'jwt')).toBeUndefined();
    // The prefix may be left out only where no other slash follows.
    expect(check('a/b', 'application/a/b')).toBe('typ');
  });

  it('A13: is anything where none is asked for', () => {
    for (const typ of ['JWT', 'logout+jwt', undefined]) expect(check(undefined, typ)).toBeUndefined();
  });

  it('is the header\u2019s own', () => {
    expect(
      claimAtFault(() =>
        validateType(Object.create({ typ: 'at+jwt' }) as JsonObject, { ...rules, tokenType: 'at+jwt' }),
      ),
    ).toBe('typ');
  });
});

describe('what comes out', () => {
  it('E14: has no member called __proto__ at any depth and pollutes nothing', () => {
    const text =
      '{"__proto__":{"isAdmin":true},"a":[{"__proto__":{"isAdmin":true}},{"b":{"__proto__":[],"constructor":{"prototype":1}}}]}';
    const claims = judge(text);
    expect(claims).toEqual({ a: [{}, { b: { constructor: { prototype: 1 } } }] });
    expect(hasMember(claims, '__proto__')).toBe(false);
    expect(Object.getPrototypeOf(claims)).toBe(Object.prototype);
    expect((Object.assign({}, claims) as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it('E17: is frozen all the way down', () => {
    const claims = judge({ sub: 'me', realm_access: { roles: ['a', { deep: [1] }] } }) as {
      realm_access: { roles: unknown[] };
    };
    expect(isDeeplyFrozen(claims)).toBe(true);
    expect(() => claims.realm_access.roles.push('admin')).toThrow(TypeError);
  });

  it('C12: is 32 levels deep at most', () => {
    expect(judge(`{"x":${nested(31)}}`)).toBeDefined();
    expect(() => judge(`{"x":${nested(32)}}`)).toThrow(MalformedTokenError);
    expect(() => judge(`{"x":${nested(100_000)}}`)).toThrow('nested too deeply');
  });

  it('C11: is an object', () => {
    for (const text of ['[]', 'null', '1', '"x"', 'true', '""']) expect(() => judge(text)).toThrow(MalformedTokenError);
  });

  it('ignores what Object.prototype has been taught', () => {
    const prototype = Object.prototype as Record<string, unknown>;
    try {
      Object.assign(prototype, { exp: 1, cnf: {}, aud: 'orders-api', iss });
      expect(judge({})).toBeDefined();
      expect(() => judge({ aud: 'orders-api' }, {}, rules)).toThrow(UntrustedIssuerError);
      expect(claimAtFault(() => judge({ iss }, {}, rules))).toBe('aud');
    } finally {
      for (const name of ['exp', 'cnf', 'aud', 'iss']) delete prototype[name];
    }
  });

  it('is frozen claims or a TokenError that says nothing of the token, whatever JSON goes in', () => {
    const registered = fc.record(
      { exp: value(), nbf: value(), iat: value(), iss: value(), aud: value(), sub: value(), cnf: value() },
      { requiredKeys: [] },
    );
    const payload = fc.oneof(
      registered,
      fc.jsonValue({ maxDepth: 40 }),
      fc.tuple(registered, fc.dictionary(fc.string(), fc.jsonValue())).map(([a, b]) => ({ ...b, ...a })),
    );
    const rule = fc.constantFrom(rules, lax, { ...lax, maxTokenAge: 60_000 }, { ...lax, requiredClaims: ['exp'] });
    fc.assert(
      fc.property(payload, rule, (json, chosen) => {
        const text = JSON.stringify(json).replaceAll('"a"', '"__proto__"');
        try {
          const claims = validateClaims(JSON.parse(text) as JsonObject, chosen, now);
          expect(isDeeplyFrozen(claims)).toBe(true);
          expect(hasMember(claims, '__proto__')).toBe(false);
        } catch (error) {
          if (!isJwksError(error)) throw error;
          expect(error).toBeInstanceOf(TokenError);
          expect(error.cause).toBeUndefined();
          expect(error.message).toMatch(/^[A-Za-z ,()"]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** Something near what a registered claim may be. */
function value(): fc.Arbitrary<unknown> {
  const time = fc.integer({ min: seconds - 100, max: seconds + 100 });
  return fc.oneof(
    time,
    fc.constantFrom<unknown>(iss, 'orders-api', ['orders-api'], null),
    fc.jsonValue({ maxDepth: 3 }),
  );
}
