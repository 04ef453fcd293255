import { createHash } from 'node:crypto';

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
  return der && der.length > 0 ? createHash('sha256').update(der).digest('base64url') : undefined;
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
  const element = splitOutsideQuotes(value, ',')?.at(-1);
  const pairs = element === undefined ? undefined : splitOutsideQuotes(element, ';');
  if (!pairs) return undefined;
  const certificates = valuesOf(pairs, 'cert').map(ofEscapedPem);
  const hashes = valuesOf(pairs, 'hash').map((hash) =>
    /^[0-9a-f]{64}$/i.test(hash) ? Buffer.from(hash, 'hex').toString('base64url') : undefined,
  );
  const [first, ...others] = [...certificates, ...hashes];
  return others.every((other) => other === first) ? first : undefined;
}

function valuesOf(pairs: readonly string[], key: string): string[] {
  return pairs.flatMap((pair) => {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim().toLowerCase() !== key) return [];
    const text = pair.slice(equals + 1).trim();
    return [text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text];
  });
}

/** `undefined` where a quotation mark has no end. Reads every character once. */
function splitOutsideQuotes(text: string, separator: string): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (isQuoted && char === '\\') index += 1;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === separator && !isQuoted) {
      parts.push(text.slice(from, index));
      from = index + 1;
    }
  }
  return isQuoted ? undefined : [...parts, text.slice(from)];
}
