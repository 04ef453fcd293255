import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { thumbprintFromHeaders, thumbprintOf, type CertificateFormat } from '../../lib/proof/certificate-headers.js';
import { isPeerEntry, TrustedPeers } from '../../lib/proof/trusted-peers.js';
import { testCertificates } from '../support/certificates.js';

let pem: string;
let other: string;
let der: Buffer;
let expected: string;

beforeAll(async () => {
  const certificates = await testCertificates();
  [pem, other] = [certificates.client.cert, certificates.server.cert];
  der = new X509Certificate(pem).raw;
  expected = thumbprintOf(der) as string;
});

/** RFC 8705 appendix A, figure 6. */
const RFC8705 = `-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
`;

describe('the thumbprint of a certificate', () => {
  it('is that of RFC 8705 appendix A, although its certificate has expired', () => {
    expect(thumbprintOf(RFC8705)).toBe('A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0');
  });

  it('is the same for DER, and for the first certificate of a chain', () => {
    expect([thumbprintOf(der), thumbprintOf(pem), thumbprintOf(pem + other)]).toEqual([expected, expected, expected]);
  });

  it.each([
    '',
    'x',
    '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----',
    '-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----',
  ])('is nothing for %j', (text) => {
    expect(thumbprintOf(text)).toBeUndefined();
  });
});

const read = (format: CertificateFormat, headers: Record<string, unknown>, name?: string) =>
  thumbprintFromHeaders(format, (header) => headers[header], name);

describe('a certificate in a header', () => {
  const escaped = (text = pem) => encodeURIComponent(text);
  const bytes = () => `:${der.toString('base64')}:`;
  const hash = () => Buffer.from(expected, 'base64url').toString('hex');
  const forwarded = (text = pem) => `By=spiffe://a;Cert="${escaped(text)}";Subject="CN=\\"x, y\\";O=z";URI=spiffe://b`;

  it('is read as RFC 9440, Envoy, nginx and AWS write it', () => {
    expect(read('client-cert', { 'client-cert': bytes() })).toBe(expected);
    expect(read('nginx', { 'ssl-client-cert': escaped() })).toBe(expected);
    expect(read('nginx', { 'x-cert': escaped() }, 'x-cert')).toBe(expected);
    // AWS leaves +, = and / as they are.
    const bare = pem.replace(/\n/g, '%0A').replace(/ /g, '%20');
    expect(read('alb', { 'x-amzn-mtls-clientcert-leaf': bare })).toBe(expected);
    expect(read('alb', { 'x-amzn-mtls-clientcert': bare + escaped(other) })).toBe(expected);
    expect(read('xfcc', { 'x-forwarded-client-cert': forwarded() })).toBe(expected);
    expect(read('xfcc', { 'x-forwarded-client-cert': `Hash=${hash()};Subject="a;b,c"` })).toBe(expected);
    expect(read('xfcc', { 'x-forwarded-client-cert': `hash=${hash().toUpperCase()};${forwarded()}` })).toBe(expected);
  });

  it('P19: is that of the last element, where Envoy has added to a header of the client', () => {
    const [mine, theirs] = [forwarded(), forwarded(other)];
    expect(read('xfcc', { 'x-forwarded-client-cert': `${theirs},${mine}` })).toBe(expected);
    expect(read('xfcc', { 'x-forwarded-client-cert': `${mine},${theirs}` })).not.toBe(expected);
  });

  it.each<[CertificateFormat, string, () => unknown]>([
    ['client-cert', 'client-cert', () => undefined],
    ['client-cert', 'client-cert', () => ''],
    ['client-cert', 'client-cert', () => der.toString('base64')],
    ['client-cert', 'client-cert', () => `${bytes()}, ${bytes()}`],
    ['client-cert', 'client-cert', () => `:${der.toString('base64url')}:`],
    ['client-cert', 'client-cert', () => [bytes(), bytes()]],
    ['nginx', 'ssl-client-cert', () => `${escaped()}, ${escaped()}`],
    ['nginx', 'ssl-client-cert', () => '%zz'],
    ['nginx', 'ssl-client-cert', () => der.toString('base64')],
    ['nginx', 'ssl-client-cert', () => escaped('x'.repeat(70_000))],
    ['alb', 'ssl-client-cert', () => escaped()],
    ['xfcc', 'x-forwarded-client-cert', () => 'By=a'],
    ['xfcc', 'x-forwarded-client-cert', () => `Hash=${hash()}00`],
    ['xfcc', 'x-forwarded-client-cert', () => `Hash=${'0'.repeat(64)};${forwarded()}`],
    ['xfcc', 'x-forwarded-client-cert', () => `${forwarded()}"`],
    ['xfcc', 'x-forwarded-client-cert', () => `${forwarded()},`],
    ['xfcc', 'x-forwarded-client-cert', () => `Subject="Hash=${hash()}"`],
  ])('is not found in a header of %s that is not as it must be: %s', (format, name, value) => {
    expect(read(format, { [name]: value() })).not.toBe(expected);
  });

  it('P21: is never that of the client, whatever stands before the element of the proxy', () => {
    // Of a certificate whose subject the client chose: Envoy escapes its quotation marks.
    const proxied = `Hash=${hash()};Subject="O=a\\,Cert=${escaped(other)}\\;b\\"c,CN=d"`;
    const pieces = fc.constantFrom(
      '"',
      '\\',
      ',',
      ';',
      '=',
      'Cert="',
      'By=a',
      `Hash=${'0'.repeat(64)}`,
      escaped(other),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => {
        const found = read('xfcc', { 'x-forwarded-client-cert': [...parts, `,${proxied}`].join('') });
        expect([undefined, expected]).toContain(found);
      }),
      { numRuns: 2_000, examples: [[['By=a', ';', 'Cert="']]] },
    );
  });

  it('P19: is not found where both headers of AWS came, of which its two modes send one each', () => {
    const headers = { 'x-amzn-mtls-clientcert-leaf': escaped(), 'x-amzn-mtls-clientcert': escaped(other) };
    expect(read('alb', headers)).toBeUndefined();
    expect(read('alb', headers, 'x-amzn-mtls-clientcert-leaf')).toBe(expected);
  });

  it('P21: never throws, and is never another one than the proxy has set', () => {
    const formats = fc.constantFrom<CertificateFormat>('client-cert', 'xfcc', 'nginx', 'alb');
    const values = () => [bytes(), escaped(), forwarded()];
    fc.assert(
      fc.property(formats, fc.nat(2), fc.nat(2_000), fc.string({ maxLength: 3 }), (format, which, at, text) => {
        const value = values()[which] as string;
        const changed = value.slice(0, at) + text + value.slice(at + text.length);
        const headers = { 'client-cert': changed, 'ssl-client-cert': changed, 'x-forwarded-client-cert': changed };
        const found = read(format, headers);
        expect(found === undefined || found.length === 43).toBe(true);
      }),
    );
  });
});

describe('TrustedPeers', () => {
  const peers = new TrustedPeers(['10.0.0.0/8', '192.168.1.7', '::1', 'fd00::/8', '172.16.0.0/12']);

  it.each(['10.1.2.3', '::ffff:10.1.2.3', '::FFFF:10.1.2.3', '192.168.1.7', '::1', 'fd12::1%eth0', '172.31.0.1'])(
    'has %s',
    (address) => {
      expect(peers.has(address)).toBe(true);
    },
  );

  it.each([
    undefined,
    null,
    '',
    'x',
    '11.0.0.1',
    '192.168.1.8',
    '::2',
    'fe80::1',
    '10.0.0.1, 1.2.3.4',
    '172.32.0.1',
    10,
  ])('P19: has not %s', (address) => {
    expect(peers.has(address)).toBe(false);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0',
    'localhost',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '::/129',
    'fe80::1%eth0',
    '::ffff:10.0.0.0/12',
    '::ffff:10.0.0.1',
    '',
    10,
  ])('takes no entry %j', (entry) => {
    expect(isPeerEntry(entry)).toBe(false);
  });
});
