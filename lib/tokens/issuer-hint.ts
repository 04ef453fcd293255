import { safeText } from '../core/events.js';

/** A way in which an issuer is mistaken for another one. */
interface Likeness {
  readonly same: (came: string, trusted: string) => boolean;
  readonly hint: string;
}

const TENANT = /^https:\/\/(?:sts\.windows\.net|login\.microsoftonline\.com)\/([\w-]+)\//;

const LIKENESSES: readonly Likeness[] = [
  { same: (a, b) => withoutSlash(a) === withoutSlash(b), hint: 'the issuer differs by a trailing slash' },
  { same: (a, b) => a.toLowerCase() === b.toLowerCase(), hint: 'the issuer differs in upper and lower case' },
  {
    same: (a, b) => withoutScheme(a) === withoutScheme(b),
    hint: 'the issuer differs by its scheme (http, https or none)',
  },
  {
    same: (_, b) => b.includes('/.well-known/'),
    hint: 'the option "issuer" is the URL of a discovery document: leave out /.well-known and what follows',
  },
  {
    same: (a, b) => TENANT.exec(a)?.[1] !== undefined && TENANT.exec(a)?.[1] === TENANT.exec(b)?.[1],
    hint: 'Entra ID issues tokens of version 1 and 2 with different issuers: set requestedAccessTokenVersion of the API to 2, or trust this issuer',
  },
  {
    same: (a, b) => /^\{.*\}$|\{tenantid\}/.test(b) || (TENANT.test(a) && b.includes('/common/')),
    hint: 'tokens of Entra ID name their tenant: trust the tenants one by one, or by a function',
  },
  {
    same: (a, b) => isSamePlace(a, b),
    hint: 'the issuer has another host, as with containers: set "issuer" to the host that clients use, and "jwksUri" to the one that is reached from here',
  },
];

/**
 * What to do about an issuer that is not trusted. `trusted` comes from the configuration.
 *
 * @internal
 */
export function issuerHint(came: string, trusted: readonly string[]): string {
  for (const { same, hint } of LIKENESSES) {
    const near = trusted.find((each) => same(came, each));
    if (near !== undefined)
      return `${hint}; it has to be "${safeText(came)}", character by character, if that is the one to trust`;
  }
  return 'the token is of another provider or environment; name its issuer in the options if it is to be trusted';
}

function withoutSlash(issuer: string): string {
  return issuer.replace(/\/$/, '');
}

function withoutScheme(issuer: string): string {
  return withoutSlash(issuer).replace(/^https?:\/\//, '');
}

/**
 * Two URLs that differ by their host. Without a path only where one of the hosts is a local name:
 * else they have nothing in common.
 */
function isSamePlace(one: string, other: string): boolean {
  if (!URL.canParse(one) || !URL.canParse(other)) return false;
  const [a, b] = [new URL(one), new URL(other)];
  if (a.host === b.host || withoutSlash(a.pathname) !== withoutSlash(b.pathname)) return false;
  return withoutSlash(a.pathname) !== '' || isLocalName(a.hostname) || isLocalName(b.hostname);
}

/** A container, this machine, or an address. */
function isLocalName(host: string): boolean {
  return !host.includes('.') || /^[\d.]+$/.test(host) || /\.(internal|local|localhost)$/.test(host);
}
