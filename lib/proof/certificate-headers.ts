import { hash } from 'node:crypto';

/** The form in which a proxy hands a client certificate on. @publicApi */
export type CertificateFormat = 'client-cert' | 'xfcc' | 'nginx' | 'alb';

type HeaderReader = (name: string) => unknown;

interface Preset {
  /** One of them is there: a client has sent what comes beside it. */
  readonly headers: readonly string[];
  readonly thumbprint: (value: string) => string | undefined;
}

const PRESETS: Readonly<Record<CertificateFormat, Preset>> = {
  // RFC 9440.
  'client-cert': { headers: ['client-cert'], thumbprint: ofByteSequence },
  // Envoy and Istio.
  xfcc: { headers: ['x-forwarded-client-cert'], thumbprint: ofForwardedClientCert },
  // proxy_set_header ssl-client-cert $ssl_client_escaped_cert, which ingress-nginx sets by itself.
  nginx: { headers: ['ssl-client-cert'], thumbprint: ofEscapedPem },
  // In the modes "verify" and "passthrough"; of the latter the first certificate of the chain.
  alb: { headers: ['x-amzn-mtls-clientcert-leaf', 'x-amzn-mtls-clientcert'], thumbprint: ofEscapedPem },
};

/** @internal */
export const CERTIFICATE_FORMATS = Object.keys(PRESETS) as readonly CertificateFormat[];

const MAX_HEADER_LENGTH = 65_536;

/**
 * The `x5t#S256` of the certificate in the headers of a request; `undefined` where there is none, or
 * not exactly one that can be read.
 *
 * @internal
 */
export function thumbprintFromHeaders(
  format: CertificateFormat,
  header: HeaderReader,
  name?: string,
): string | undefined {
  const { headers, thumbprint } = PRESETS[format];
  const values = (name === undefined ? headers : [name]).map(header);
  const [value, ...others] = values.filter((each) => each !== undefined && each !== '');
  const isReadable = typeof value === 'string' && value.length <= MAX_HEADER_LENGTH && others.length === 0;
  return isReadable ? thumbprint(value) : undefined;
}

/** SHA-256 of a certificate in DER or PEM (RFC 8705 section 3.1); whether it is valid has no say. @internal */
export function thumbprintOf(certificate: Uint8Array | string): string | undefined {
  const der = typeof certificate === 'string' ? ofPem(certificate) : certificate;
  return der && der.length > 0 ? hash('sha256', der, 'base64url') : undefined;
}

const PEM = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/;

/** The first certificate: that of the client, before those of its issuers. */
function ofPem(text: string): Buffer | undefined {
  const [, body] = PEM.exec(text) ?? [];
  return body === undefined ? undefined : fromBase64(body.replace(/[\r\n\t ]+/g, ''));
}

/** Buffer skips what is no base64; encoding the bytes again shows whether there was any. */
function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined;
}

/** A structured field of type Byte Sequence (RFC 9651 section 3.3.5): `:MIIC…:`. */
function ofByteSequence(value: string): string | undefined {
  const [, encoded] = /^:([A-Za-z0-9+/=]+):$/.exec(value.trim()) ?? [];
  const der = encoded === undefined ? undefined : fromBase64(encoded);
  return der && thumbprintOf(der);
}

/** A comma, which the encoding leaves none of, shows that a client sent a header beside the proxy's. */
function ofEscapedPem(value: string): string | undefined {
  if (value.includes(',')) return undefined;
  const text = unescaped(value);
  return text === undefined ? undefined : thumbprintOf(text);
}

function unescaped(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

/**
 * `Hash=…;Cert="…";URI=…,…`: of several elements the last one is that of the proxy in front of this
 * process. Where it has both hash and certificate, they must agree.
 */
function ofForwardedClientCert(value: string): string | undefined {
  const pairs = lastElementOf(value) ?? [];
  const valuesOf = (name: string) => pairs.filter(([key]) => key === name).map(([, text]) => text);
  const certificates = valuesOf('cert').map(ofEscapedPem);
  const hashes = valuesOf('hash').map((hash) =>
    /^[0-9a-f]{64}$/i.test(hash) ? Buffer.from(hash, 'hex').toString('base64url') : undefined,
  );
  const [first, ...others] = [...certificates, ...hashes];
  return others.every((other) => other === first) ? first : undefined;
}

type Pair = readonly [key: string, value: string];

/**
 * The pairs of the last element; `undefined` where any of the elements is not well formed: a
 * quotation mark that a client left open would turn the quoted subject of its certificate, which it
 * chose, into elements. Reads every character once.
 */
function lastElementOf(value: string): readonly Pair[] | undefined {
  const pattern = /([^"=;,]+)=(?:"((?:[^"\\]|\\.)*)"|([^";,]*))(?:([;,])|$)/y;
  let pairs: Pair[] = [];
  for (;;) {
    const [matched, key, quoted, plain = '', separator] = pattern.exec(value) ?? [];
    if (matched === undefined || key === undefined) return undefined;
    pairs.push([key.trim().toLowerCase(), quoted ?? plain.trim()]);
    if (separator === undefined) return pairs;
    if (separator === ',') pairs = [];
  }
}
