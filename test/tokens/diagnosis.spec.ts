import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  InsufficientScopeError,
  InvalidClaimError,
  InvalidSignatureError,
  MalformedTokenError,
  MissingTokenError,
  SigningKeyNotFoundError,
  TokenExpiredError,
  TokenNotActiveError,
  UnsupportedAlgorithmError,
  UntrustedIssuerError,
} from '../../lib/core/errors.js';
import { diagnose } from '../../lib/tokens/diagnosis.js';
import type { DiagnosisContext } from '../../lib/tokens/diagnosis-text.js';
import { issuerHint } from '../../lib/tokens/issuer-hint.js';

const NOW = 1_700_000_000_000;
const rules = {
  issuer: 'https://id.example.com/',
  audience: ['orders-api'],
  algorithms: new Set(['RS256']),
  clockTolerance: 5_000,
  requiredClaims: ['exp'],
} as const;

function contextOf(more: Partial<DiagnosisContext> = {}): DiagnosisContext {
  return { rules, issuers: ['https://id.example.com/'], now: NOW, maxTokenLength: 8_192, ...more };
}

const ERRORS = [
  new MissingTokenError(),
  new MalformedTokenError(),
  new UntrustedIssuerError(),
  new UnsupportedAlgorithmError(),
  new SigningKeyNotFoundError(undefined, undefined, 'k'),
  new SigningKeyNotFoundError(),
  new InvalidSignatureError(),
  new TokenExpiredError(),
  new TokenNotActiveError(),
  new InvalidClaimError('aud'),
  new InvalidClaimError('typ'),
  new InvalidClaimError('cnf'),
  new InvalidClaimError('sub'),
  new InsufficientScopeError(['orders:write']),
  new AccessDeniedError('org'),
];

describe('diagnose', () => {
  it('has a reason and a hint for every error, whatever is in the token: one line, nothing long, no other claim', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.integer(),
      fc.constant(null),
      fc.array(fc.string(), { maxLength: 5 }),
    );
    const secret = 'the value of another claim';
    const claims = fc.record(
      { iss: value, aud: value, azp: value, exp: value, nbf: value, iat: value, typ: value },
      { requiredKeys: [] },
    );
    const header = fc.record({ alg: value, kid: value, typ: value }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        fc.constantFrom(...ERRORS),
        claims,
        header,
        fc.string({ unit: 'binary', maxLength: 9_000 }),
        (error, body, head, token) => {
          const context = contextOf({ claims: { ...body, sub: secret, email: secret }, header: head, token });
          const { reason, hint } = diagnose(error, context);
          for (const text of [reason, hint]) {
            expect(text).toMatch(/^[\x20-\x7e]+$/);
            expect(text.length).toBeLessThan(1_500);
            expect(text).not.toContain(secret);
            for (const [, quoted = ''] of text.matchAll(/"([^"]*)"/g))
              expect(quoted.replace(/\\u[0-9a-f]{4}/g, '.').length).toBeLessThan(90);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('says how long ago a token expired, in days where it is long', () => {
    const expired = (exp: number) => diagnose(new TokenExpiredError(), contextOf({ claims: { exp } })).reason;
    expect(expired(NOW / 1000 - 600)).toBe('The access token expired 600 s ago');
    expect(expired(1)).toBe('The access token expired 19676 days ago');
    expect(
      diagnose(new TokenExpiredError('The access token is too old'), contextOf({ claims: { exp: NOW } })).reason,
    ).toBe('The access token is too old');
  });

  it('takes an expired token for a matter of clocks only where the provider said so', () => {
    const claims = { exp: NOW / 1000 - 60 };
    expect(diagnose(new TokenExpiredError(), contextOf({ claims })).misconfiguration).toBe(false);
    expect(diagnose(new TokenExpiredError(), contextOf({ claims, clockOffset: 2_000 })).misconfiguration).toBe(false);
    expect(diagnose(new TokenExpiredError(), contextOf({ claims, clockOffset: -600_000 }))).toMatchObject({
      misconfiguration: true,
      hint: expect.stringContaining('600 s: this machine is ahead of the provider'),
    });
  });

  it.each([
    ['"eyJhbGciOiJSUzI1NiJ9.e30.AA"', 'quotes'],
    ['Bearer eyJhbGciOiJSUzI1NiJ9.e30.AA', 'the word "Bearer"'],
    ['eyJhbGciOiJSUzI1NiJ9.e30=.AA', 'AWS ALB'],
    ['eyJhbGciOiJub25lIn0.e30.', 'unsigned'],
    ['a.b', 'cut'],
    ['a.b.c.d.e', 'encrypted'],
  ])('knows what is wrong with %s', (token, hint) => {
    const { reason, hint: said } = diagnose(new MalformedTokenError(), contextOf({ token }));
    expect(reason + said).toContain(hint);
  });

  it('reports the issuer that a route does not take', () => {
    const claims = { iss: 'https://id.example.com/' };
    expect(diagnose(new UntrustedIssuerError(), contextOf({ claims, rules: undefined })).reason).toContain(
      'this route',
    );
  });
});

describe('a claim that a route asks for', () => {
  it('is distinguished from a missing one, and from the rules of the module', () => {
    const denied = (name: string, claims: object) =>
      diagnose(new AccessDeniedError(name), contextOf({ claims: claims as DiagnosisContext['claims'] }));
    expect(denied('org', {}).reason).toBe('The claim "org" of the access token is missing');
    expect(denied('org', { org: 'other' }).reason).toContain('is not what this route asks for');
    expect(denied('aud', { aud: 'orders-api' }).reason).toContain('is not what this route asks for');
    expect(denied('org', {}).hint).toContain('of the route');
  });
});

describe('issuerHint', () => {
  it.each([
    ['https://id.example.com', 'https://id.example.com/', 'trailing slash'],
    ['https://ID.example.com/', 'https://id.example.com/', 'upper and lower case'],
    ['accounts.google.com', 'https://accounts.google.com', 'scheme'],
    ['http://localhost:8080/realms/x', 'http://keycloak:8080/realms/x', 'another host'],
    ['http://127.0.0.1:4310', 'http://localhost:4310', 'another host'],
    ['https://sts.windows.net/11-22/', 'https://login.microsoftonline.com/11-22/v2.0', 'requestedAccessTokenVersion'],
    [
      'https://login.microsoftonline.com/11-22/v2.0',
      'https://login.microsoftonline.com/common/v2.0',
      'name their tenant',
    ],
    [
      'https://login.microsoftonline.com/11-22/v2.0',
      'https://login.microsoftonline.com/{tenantid}/v2.0',
      'name their tenant',
    ],
    ['https://id.example.com', 'https://id.example.com/.well-known/openid-configuration', 'discovery document'],
    ['https://a.example', 'https://b.example', 'another provider or environment'],
  ])('of %s where %s is trusted', (came, trusted, hint) => {
    expect(issuerHint(came, ['https://unrelated.example/y', trusted])).toContain(hint);
  });
});
