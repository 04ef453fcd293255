/** RFC 3986 sections 3.1 to 3.5, of http and https without user information; printable ASCII alone. */
const URL_FORM = /^(https?):\/\/([^/?#]+)([^?#]*)(?:\?[^#]*)?(?:#.*)?$/i;
/** What no part of a URL may hold: a backslash is a slash to some readers and none to others. */
const UNREADABLE = /[^\x21-\x7e]|\\/;
const MAX_URL_LENGTH = 8_192;

/**
 * A host and a port, and nothing else: what stands in a `Host` header must not become a path or a
 * query of the URL that it is put into.
 */
const AUTHORITY = /^([a-z0-9_](?:[a-z0-9._-]{0,253}[a-z0-9_.])?|\[[0-9a-f:.]{2,45}\])(?::(\d{0,5}))?$/i;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/**
 * Writes a URL without query and fragment in the form of RFC 3986 sections 6.2.2 and 6.2.3: scheme
 * and host in lower case, no default port, percent-encoding in upper case and only where it is
 * needed, no dot segments. `undefined` for what is no http or https URL.
 *
 * @internal
 */
export function normalizeUrl(url: string): string | undefined {
  if (url.length > MAX_URL_LENGTH || UNREADABLE.test(url)) return undefined;
  const [, scheme, authority, path] = URL_FORM.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || path === undefined) return undefined;
  const origin = originOf(scheme, authority);
  const normalized = normalizePath(path);
  return origin === undefined || normalized === undefined ? undefined : origin + normalized;
}

/** Scheme, host and port in one spelling; `undefined` for anything that is not that. @internal */
export function originOf(scheme: string, authority: string): string | undefined {
  const protocol = scheme.toLowerCase();
  const [, host, port] = AUTHORITY.exec(authority) ?? [];
  const usual = DEFAULT_PORTS[protocol];
  if (host === undefined || usual === undefined || Number(port ?? 0) > 65_535) return undefined;
  const number = port ? Number(port) : usual;
  return `${protocol}://${host.toLowerCase()}${number === usual ? '' : `:${number}`}`;
}

/**
 * The path of a request as the client sent it, without the query. The target may be a whole URL (RFC
 * 9112 section 3.2.2). `undefined` for what has no path: put behind a host, `x://y` or `*` would
 * become part of its name.
 *
 * @internal
 */
export function pathOf(target: string): string | undefined {
  const path = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  if (path !== '' && !/^[/?#]/.test(path)) return undefined;
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

function normalizePath(path: string): string | undefined {
  // Most paths have nothing to normalize.
  if (!path.includes('%') && !path.includes('/.')) return path || '/';
  if (/%(?![0-9a-f]{2})/i.test(path)) return undefined;
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(char) ? char : encoded.toUpperCase();
  });
  return removeDotSegments(decoded);
}

/** RFC 3986 section 5.2.4, of a path that is empty or starts with a slash. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  if (last === '.' || last === '..') kept.push('');
  return `/${kept.join('/')}`;
}
