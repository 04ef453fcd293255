import type { CompactJWSHeaderParameters } from 'jose';
import { MalformedTokenError } from '../core/errors.js';
import type { KeySelector } from '../keys/jwk-set.js';
import { getOwn, parseJsonObject, deepFreeze, type JsonObject } from './json-object.js';

/** The longest token that any setting allows, in characters. @internal */
export const MAX_TOKEN_LENGTH = 65_536;
const MAX_HEADER_LENGTH = 2048;
const MAX_KID_LENGTH = 256;

/** What is in a token of canonical form, decoded once; nothing of it is verified yet. @internal */
export interface CompactJwt {
  /** Deeply frozen. */
  readonly header: Readonly<CompactJWSHeaderParameters>;
  /** What the header says of its key: the only part of it that has a say. */
  readonly selector: KeySelector;
  /**
   * As parsed: becomes claims by `validateClaims` once the signature is verified, and must not be
   * to read before.
   */
  readonly claims: JsonObject;
  /** `iss`, unverified; `undefined` where it is absent or no string. */
  readonly issuer: string | undefined;
}

/**
 * Takes a token apart that is canonical: three non-empty parts of base64url (RFC 7515 section 2)
 * without padding, white space or unused bits, so that no token has two spellings, and header and
 * payload that are JSON objects. `maxLength` bounds all work that is done before the signature.
 * Throws MalformedTokenError.
 *
 * @internal
 */
export function parseCompactJwt(token: unknown, maxLength: number): CompactJwt {
  if (typeof token !== 'string') throw new MalformedTokenError();
  if (token.length > maxLength) throw new MalformedTokenError('The access token is too long');
  // A text without any dot has no second one either. A fourth part is in what stands for the third,
  // and no base64url.
  const payloadStart = token.indexOf('.') + 1;
  const signatureStart = token.indexOf('.', payloadStart) + 1;
  if (signatureStart === 0) throw new MalformedTokenError();
  // A header names a key and a type. A longer one only costs time before the signature is checked.
  if (payloadStart - 1 > MAX_HEADER_LENGTH)
    throw new MalformedTokenError(`The header of the access token is longer than ${MAX_HEADER_LENGTH} characters`);
  const opened = openHeader(token.slice(0, payloadStart - 1));
  const claims = parseJsonObject(decode(token.slice(payloadStart, signatureStart - 1)));
  if (!claims) throw new MalformedTokenError('The payload of the access token is not a JSON object');
  decode(token.slice(signatureStart));
  const issuer = getOwn(claims, 'iss');
  const { header, selector } = opened;
  return { header, selector, claims, issuer: typeof issuer === 'string' ? issuer : undefined };
}

/**
 * Every part is decoded into the same memory and read before the next one: a Buffer for each costs
 * more than the decoding.
 */
const scratch = Buffer.alloc(MAX_TOKEN_LENGTH);

/**
 * The bytes of a part in canonical base64url, until the next part is decoded; `undefined` for any
 * other text. Buffer skips what is not base64url; encoding the bytes again gives their one canonical
 * spelling (RFC 4648 section 3.5), so that what differs from it was anything else. Cheaper than
 * looking at the characters.
 *
 * @internal
 */
export function decodePart(part: string): Buffer | undefined {
  const length = scratch.write(part, 'base64url');
  return part !== '' && scratch.toString('base64url', 0, length) === part ? scratch.subarray(0, length) : undefined;
}

function decode(part: string): Buffer {
  const bytes = decodePart(part);
  if (!bytes) throw new MalformedTokenError();
  return bytes;
}

type OpenedHeader = Pick<CompactJwt, 'header' | 'selector'>;

/** The last header, by its text: tokens signed with one key have one header. */
let recent: { readonly part: string; readonly opened: OpenedHeader } | undefined;

function openHeader(part: string): OpenedHeader {
  if (recent?.part === part) return recent.opened;
  const opened = parseHeader(decode(part));
  // A copy of the text: a slice would keep its whole token in memory.
  recent = { part: Buffer.from(part, 'latin1').toString('latin1'), opened };
  return opened;
}

function parseHeader(bytes: Buffer): OpenedHeader {
  const header = parseJsonObject(bytes);
  if (!header) throw new MalformedTokenError('The header of the access token is not a JSON object');
  // RFC 7515 section 4.1.1
  const alg = getOwn(header, 'alg');
  if (typeof alg !== 'string' || alg === '') throw unacceptable('alg');
  // Section 4.1.4. An empty one is a kid like any other that no key has.
  const kid = getOwn(header, 'kid');
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID_LENGTH)) throw unacceptable('kid');
  // Section 4.1.9
  const typ = getOwn(header, 'typ');
  if (typ !== undefined && typeof typ !== 'string') throw unacceptable('typ');
  // Section 4.1.11: no extension is understood, and a JWT has no use for `b64` (RFC 7797 section
  // 7).
  if (Object.hasOwn(header, 'crit')) throw unacceptable('crit');
  return {
    header: deepFreeze(header) as Readonly<CompactJWSHeaderParameters>,
    selector: kid === undefined ? { kid, alg, ...thumbprintsOf(header) } : { kid, alg },
  };
}

/** Sections 4.1.7 and 4.1.8; what is no string names nothing. */
function thumbprintsOf(header: JsonObject): Pick<KeySelector, 'x5t' | 'x5t#S256'> {
  const [sha1, sha256] = [getOwn(header, 'x5t'), getOwn(header, 'x5t#S256')];
  return {
    ...(typeof sha1 === 'string' && { x5t: sha1 }),
    ...(typeof sha256 === 'string' && { 'x5t#S256': sha256 }),
  };
}

function unacceptable(parameter: 'alg' | 'kid' | 'typ' | 'crit'): MalformedTokenError {
  return new MalformedTokenError(`The header parameter "${parameter}" of the access token is not acceptable`);
}
