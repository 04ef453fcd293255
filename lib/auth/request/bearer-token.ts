import { AmbiguousTokenError, MalformedTokenError } from '../../core/errors.js';

const BEARER = 'bearer';
const DPOP = 'dpop';
const SPACE = 0x20;
const TAB = 0x09;
const COMMA = 0x2c;
const EQUALS = 0x3d;

/** `tchar` of RFC 9110 section 5.6.2: what a scheme's name is made of. */
const TOKEN_CHARS = charactersOf("!#$%&'*+-.^_`|~");
/** `token68` of RFC 9110 section 11.2, without its closing `=` signs. */
const TOKEN68_CHARS = charactersOf('-._~+/');

/** Authorization values up to this length cost nothing, whatever reads them. */
const HARMLESS_LENGTH = 1024;
/**
 * No scheme has a longer name, and something follows the blanks after it: else the expression of an
 * extractor tries every split of name and blanks (`\s` matches 0xA0 too).
 */
const LONG_AND_HARMLESS = /^\S{1,64}\s+\S/;

/**
 * The token of one `Authorization` value; `undefined` where there is none: the value is of another
 * scheme, or has nothing behind `Bearer`, which lacks "any authentication information" (RFC 6750
 * section 3.1) like no header at all. Reads every character at most twice, so that no header can
 * cost more than its length.
 *
 * - The scheme is case-insensitive (RFC 9110 section 11.1) and spaces follow it: `Bearer 1*SP
 *   b64token` (RFC 6750 section 2.1). With `isDpopTaken` the scheme `DPoP` is read alike (RFC 9449
 *   section 7.1).
 * - `Bearer` with characters that no token has is a `MalformedTokenError`, here or once the token
 *   is verified: the client meant to authenticate.
 * - `Bearer a b` and `Bearer a, Bearer b` (two headers that a proxy joined) are an
 *   `AmbiguousTokenError`: guessing which one counts is not safe.
 *
 * @internal
 */
export function parseAuthorization(value: string, isDpopTaken = false): string | undefined {
  const [from, to] = withoutBlanks(value);
  const start = schemeEnd(value, from, isDpopTaken);
  if (start === undefined) return undefined;
  if (start === to || TOKEN_CHARS[value.charCodeAt(start)]) return undefined;
  if (value.charCodeAt(start) !== SPACE) throw new MalformedTokenError();

  const first = skip(value, start, (code) => code === SPACE);
  const credential = value.slice(first, to);
  if (isSingle(credential)) return credential;
  const last = skip(credential, 0, (code) => TOKEN68_CHARS[code] === true);
  const end = skip(credential, last, (code) => code === EQUALS);
  throw last > 0 && isSeparator(credential.charCodeAt(end)) ? new AmbiguousTokenError() : new MalformedTokenError();
}

/** Whether an `Authorization` value is of the scheme `DPoP`. @internal */
export function isDpop(value: string): boolean {
  const [from] = withoutBlanks(value);
  const end = from + DPOP.length;
  return value.slice(from, end).toLowerCase() === DPOP && !TOKEN_CHARS[value.charCodeAt(end)];
}

/**
 * Whether an `Authorization` value holds credentials, of whatever scheme: anything but `Bearer` with
 * nothing behind it.
 *
 * @internal
 */
export function hasCredentials(value: string): boolean {
  const [from, to] = withoutBlanks(value);
  return from < to && value.slice(from, to).toLowerCase() !== BEARER;
}

/** Where the name of a scheme that is taken ends. */
function schemeEnd(value: string, from: number, isDpopTaken: boolean): number | undefined {
  const end = from + BEARER.length;
  if (value.slice(from, end).toLowerCase() === BEARER) return end;
  const dpopEnd = from + DPOP.length;
  return isDpopTaken && value.slice(from, dpopEnd).toLowerCase() === DPOP ? dpopEnd : undefined;
}

/**
 * Asked so, since the runtime looks for one character in many at a time; the token's own characters
 * are checked with the token.
 */
function isSingle(credential: string): boolean {
  return !credential.includes(' ') && !credential.includes(',') && !credential.includes('\t');
}

/**
 * Keeps a long header away from the extractors of applications: the expression that
 * `ExtractJwt.fromAuthHeaderAsBearerToken` uses takes a time that grows with the square of what
 * stands before the first blank. No scheme has such a name.
 *
 * @internal
 */
export function assertSafeForExtractors(authorization: unknown): void {
  if (typeof authorization !== 'string' || authorization.length <= HARMLESS_LENGTH) return;
  if (!LONG_AND_HARMLESS.test(authorization)) throw new MalformedTokenError();
}

function withoutBlanks(value: string): [from: number, to: number] {
  let to = value.length;
  while (isBlank(value.charCodeAt(to - 1))) to -= 1;
  return [skip(value, 0, isBlank), to];
}

/** Past the end there is no character that matches anything. */
function skip(value: string, from: number, matches: (code: number) => boolean): number {
  let index = from;
  while (matches(value.charCodeAt(index))) index += 1;
  return index;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function isSeparator(code: number): boolean {
  return isBlank(code) || code === COMMA;
}

function charactersOf(signs: string): readonly boolean[] {
  const table: boolean[] = Array.from({ length: 128 }, (_, code) => /[A-Za-z0-9]/.test(String.fromCharCode(code)));
  for (const sign of signs) table[sign.charCodeAt(0)] = true;
  return table;
}
