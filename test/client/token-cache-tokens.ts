import { CompactSign, importJWK, type JWK } from 'jose';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';

/** When every clock starts, in seconds since the epoch. */
const START = new ManualClock().now() / 1000;

export const ISSUERS = ['https://one', 'https://two', 'https://three'] as const;
const [ONE, TWO, THREE] = ISSUERS;

/** What an issuer may publish; the first letter of a name is the kid. */
const KEYS = {
  a1: await testKey('ES256', 'a'),
  a2: await another('ES256', 'a'),
  /** The kid of another key, for another algorithm. */
  aRsa: await another('RS256', 'a'),
  b1: await testKey('RS256', 'b'),
  b2: await another('RS256', 'b'),
  /** The material of `b1`, for any algorithm. */
  bAny: without(await testKey('RS256', 'b'), 'alg'),
  e1: await testKey('EdDSA', 'e'),
  /** No kid. */
  none: without(await another('ES256', 'none'), 'kid'),
};

export type KeyName = keyof typeof KEYS;

export const KEY_NAMES = Object.keys(KEYS) as KeyName[];

export function jwkOf(name: KeyName): JWK {
  return KEYS[name].jwk;
}

async function another(alg: string, kid: string): Promise<TestKey> {
  const key = await testKey(alg, `${kid}, other material`);
  return { ...key, kid, jwk: { ...key.jwk, kid } };
}

function without(key: TestKey, member: 'alg' | 'kid'): TestKey {
  const { [member]: _, ...jwk } = key.jwk;
  return { ...key, jwk };
}

interface Plan {
  readonly key: KeyName;
  /** A text is taken as it is. */
  readonly claims: object | string;
  readonly header?: object;
}

const USUAL = { iss: ONE, aud: 'orders-api', sub: 'alice', nbf: START - 30, iat: START, exp: START + 7_200 };
const { exp: _exp, ...ENDLESS } = USUAL;
const { iat: _iat, ...AGELESS } = USUAL;
const { aud: _aud, ...FOR_ANYBODY } = USUAL;
const { iss: _iss, ...OF_NOBODY } = USUAL;
const DEEP =
  '"roles":["admin",{"of":["orders"]}],"realm":{"access":["read"]},"__proto__":{"sub":"root"},"constructor":{"x":1}';

const PLANS: readonly Plan[] = [
  { key: 'a1', claims: USUAL },
  { key: 'b1', claims: USUAL },
  { key: 'e1', claims: USUAL },
  { key: 'a1', claims: USUAL, header: { kid: undefined } },
  { key: 'b1', claims: USUAL, header: { kid: undefined } },
  { key: 'none', claims: USUAL, header: { kid: undefined } },
  { key: 'a2', claims: USUAL },
  { key: 'b2', claims: USUAL },
  { key: 'aRsa', claims: USUAL },
  { key: 'bAny', claims: USUAL, header: { alg: 'PS256' } },
  { key: 'a1', claims: { ...USUAL, exp: START + 60 } },
  { key: 'b1', claims: { ...USUAL, exp: START + 600.5 } },
  { key: 'a1', claims: { ...USUAL, nbf: START + 120 } },
  { key: 'b1', claims: { ...USUAL, nbf: START - 10, sub: 'bob' } },
  { key: 'a1', claims: { ...USUAL, iat: START - 600, exp: START + 86_400 } },
  { key: 'b1', claims: { ...USUAL, iat: START + 30 } },
  { key: 'a1', claims: ENDLESS },
  { key: 'b1', claims: AGELESS },
  { key: 'a1', claims: FOR_ANYBODY },
  { key: 'b1', claims: { ...USUAL, aud: ['billing', 'orders-api'] }, header: { typ: 'application/at+jwt' } },
  { key: 'a1', claims: { ...USUAL, aud: 'billing' } },
  { key: 'b1', claims: { ...USUAL, jti: 'x' }, header: { typ: 'at+JWT' } },
  { key: 'a1', claims: { ...USUAL, jti: 'x' }, header: { typ: 'JWT', jwk: { kty: 'oct' }, list: [['x']] } },
  { key: 'a1', claims: { ...USUAL, iss: TWO } },
  { key: 'b1', claims: { ...USUAL, iss: TWO, sub: 'bob' } },
  { key: 'b1', claims: { ...USUAL, iss: THREE } },
  { key: 'a1', claims: OF_NOBODY },
  { key: 'b1', claims: `{"iss":"${ONE}","aud":"orders-api","exp":${START + 7_200},${DEEP}}` },
  { key: 'a1', claims: { ...USUAL, cnf: { jkt: 'x' } } },
  { key: 'a1', claims: { ...USUAL, exp: String(START + 7_200) } },
  { key: 'b1', claims: `{"iss":"${ONE}","aud":"orders-api","exp":1e400}` },
];

/** Whose signature looks like that of a key: of another one with its kid, where there is one. */
const FORGERS: Record<KeyName, TestKey> = {
  a1: KEYS.a2,
  a2: KEYS.a1,
  aRsa: KEYS.b1,
  b1: KEYS.b2,
  b2: KEYS.b1,
  bAny: KEYS.b2,
  e1: await another('EdDSA', 'e'),
  none: KEYS.a1,
};

/** Signed as planned, once more (ES256 gives another signature each time), and by somebody else. */
interface Signed {
  readonly good: string;
  readonly again: string;
  readonly forged: string;
}

const SIGNED: readonly Signed[] = await Promise.all(PLANS.map(signed));

async function signed({ key: name, claims, header }: Plan): Promise<Signed> {
  const key = KEYS[name];
  const protectedHeader = { alg: key.alg, kid: key.kid, ...header };
  const { alg } = protectedHeader;
  const payload = new TextEncoder().encode(typeof claims === 'string' ? claims : JSON.stringify(claims));
  const sign = async ({ privateJwk }: TestKey) =>
    new CompactSign(payload).setProtectedHeader(protectedHeader).sign(await importJWK({ ...privateJwk, alg }, alg));
  return { good: await sign(key), again: await sign(key), forged: await sign(FORGERS[name]) };
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** What can be made of a token that somebody has seen. */
const VARIANTS = {
  good: ({ good }: Signed): unknown => good,
  again: ({ again }: Signed): unknown => again,
  /** The same header and payload under another signature. */
  forged: ({ forged }: Signed): unknown => forged,
  empty: ({ good }: Signed): unknown => good.slice(0, good.lastIndexOf('.') + 1),
  /** All but one character of the signature, at its front and at its end. */
  front: ({ good }: Signed): unknown => replaced(good, good.lastIndexOf('.') + 1, next),
  back: ({ good }: Signed): unknown => replaced(good, good.length - 2, next),
  /**
   * Another payload under the same signature: the last but one of its characters, and all of it.
   */
  payload: ({ good }: Signed): unknown => replaced(good, good.lastIndexOf('.') - 3, next),
  swapped: (token: Signed, other: Signed): unknown => joined(token, other, [0, 1, 0]),
  header: (token: Signed, other: Signed): unknown => joined(token, other, [1, 0, 0]),
  signature: (token: Signed, other: Signed): unknown => joined(token, other, [0, 0, 1]),
  /** Other spellings of the same bytes. */
  bits: ({ good }: Signed): unknown => replaced(good, good.length - 1, next),
  padded: ({ good }: Signed): unknown => `${good}==`,
  spaced: ({ good }: Signed): unknown => ` ${good}`,
  ended: ({ good }: Signed): unknown => `${good}\n`,
  plain: ({ good }: Signed): unknown => good.replaceAll('-', '+').replaceAll('_', '/'),
  /** What is the same character where only its lower byte is looked at. */
  wide: ({ good }: Signed): unknown => replaced(good, 5, (char) => String.fromCharCode(char.charCodeAt(0) + 0x100)),
  longer: ({ good }: Signed): unknown => `${good}.`,
  /** What only looks like the token. */
  boxed: ({ good }: Signed): unknown => Object(good),
  listed: ({ good }: Signed): unknown => [good],
  bytes: ({ good }: Signed): unknown => Buffer.from(good),
  nothing: (): unknown => undefined,
};

export type Variant = keyof typeof VARIANTS;

export const VARIANT_NAMES = Object.keys(VARIANTS) as Variant[];

export const TOKEN_COUNT = PLANS.length;

export function resolveBearerToken(index: number, variant: Variant): unknown {
  const token = SIGNED[index] as Signed;
  return VARIANTS[variant](token, SIGNED[(index + 1) % SIGNED.length] as Signed);
}

/** What a token says of time, in milliseconds; what it does not say is now. */
export function timeOf(index: number, claim: 'exp' | 'nbf' | 'iat'): number {
  const claims = PLANS[index]?.claims as Record<string, unknown> | string;
  const seconds = typeof claims === 'string' ? undefined : claims[claim];
  return (typeof seconds === 'number' ? seconds : START) * 1_000;
}

function replaced(text: string, index: number, change: (char: string) => string): string {
  return text.slice(0, index) + change(text[index] as string) + text.slice(index + 1);
}

function next(char: string): string {
  return LETTERS[(LETTERS.indexOf(char) + 1) % LETTERS.length] as string;
}

function joined(token: Signed, other: Signed, from: readonly (0 | 1)[]): string {
  const parts = [token.good.split('.'), other.good.split('.')] as const;
  return from.map((which, index) => parts[which][index]).join('.');
}
