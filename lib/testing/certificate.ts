import { createHash, generateKeyPair, randomBytes, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** A self-signed certificate with its private key, as `TestIssuer.createCertificate()` makes it. @publicApi */
export interface TestCertificate {
  /** PEM, as the option `cert` of TLS takes it. */
  readonly cert: string;
  /** PEM, as the option `key` of TLS takes it. */
  readonly key: string;
  /** What `cnf["x5t#S256"]` of its tokens is (RFC 8705). */
  readonly thumbprint: string;
}

/**
 * An X.509 certificate of version 3 (RFC 5280) with a key on P-256: of any client, or of a server on
 * loopback. `now` is in milliseconds.
 *
 * @internal
 */
export async function makeCertificate(now: number): Promise<TestCertificate> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const body = certificateBody(publicKey, now);
  const der = sequence(body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, privateKey)));
  return Object.freeze({
    cert: pem('CERTIFICATE', der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    thumbprint: createHash('sha256').update(der).digest('base64url'),
  });
}

const HOUR = 3_600_000;

/** Section 4.1.2: the `TBSCertificate`. */
function certificateBody(publicKey: KeyObject, now: number): Buffer {
  const name = sequence(element(SET, sequence(COMMON_NAME, element(UTF8_STRING, Buffer.from('nestjs-jwks test')))));
  return sequence(
    element(CONTEXT_0, integer(Buffer.from([VERSION_3]))),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    name,
    // An hour in each direction more than a test needs, for clocks that differ.
    sequence(time(now - HOUR), time(now + 25 * HOUR)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(CONTEXT_3, sequence(sequence(SUBJECT_ALT_NAME, element(OCTET_STRING, LOOPBACK_NAMES)))),
  );
}

/** Positive, and of constant length. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8() & 0x3f) | 0x40);
  return bytes;
}

// DER (ITU-T X.690): each element is its tag, the length of its content, and the content.

const [INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER] = [0x02, 0x03, 0x04, 0x06];
const [UTF8_STRING, SEQUENCE, SET] = [0x0c, 0x30, 0x31];
const [UTC_TIME, GENERALIZED_TIME, CONTEXT_0, CONTEXT_3] = [0x17, 0x18, 0xa0, 0xa3];
const [GENERAL_NAME_DNS, GENERAL_NAME_IP] = [0x82, 0x87];
const VERSION_3 = 2;

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('2a8648ce3d040302'));
const COMMON_NAME = objectIdentifier('550403');
const SUBJECT_ALT_NAME = objectIdentifier('551d11');
const LOOPBACK_NAMES = sequence(
  element(GENERAL_NAME_DNS, Buffer.from('localhost')),
  element(GENERAL_NAME_IP, Buffer.from([127, 0, 0, 1])),
  element(GENERAL_NAME_IP, Buffer.from([...Buffer.alloc(15), 1])),
);

function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content)]), content]);
}

/** A byte up to 127; else the number of bytes that follow, and these. */
function lengthOf({ length }: Uint8Array): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function sequence(...elements: readonly Uint8Array[]): Buffer {
  return element(SEQUENCE, ...elements);
}

function integer(bytes: Uint8Array): Buffer {
  return element(INTEGER, bytes);
}

/** Its first byte says how many bits of the last one are unused. */
function bitString(bytes: Uint8Array): Buffer {
  return element(BIT_STRING, Buffer.from([0]), bytes);
}

function objectIdentifier(hex: string): Buffer {
  return element(OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'));
}

/** RFC 5280 section 4.1.2.5: two digits of the year until 2049. */
function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
  const digits = text.replace(/[-:T]/g, '');
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050
    ? element(UTC_TIME, Buffer.from(digits.slice(2)))
    : element(GENERALIZED_TIME, Buffer.from(digits));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
