import { inspect } from 'node:util';

/** Shorter ones are ordinary words. */
const SHORTEST_SECRET = 8;
/** As much of a value as a line that was cut still shows. */
const LONGEST_SECRET = 48;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'priv'];

const TOKEN = /eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/;
const PRIVATE_MEMBER = /(?<![\w-])["']?(?:d|p|q|dp|dq|qi|k|priv)["']?\s*[:=]\s*["'][\w-]{16,}["']/;
const PRIVATE_PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** As `safeText` cuts it: 64 characters of what came, then dots. */
const ESCAPED_AND_CUT = /^(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\u[0-9a-f]{4}){0,64}(?:\.\.\.)?$/;

/** Enough to read. */
const MOST_LEAKS = 20;

/**
 * Looks through what is logged and printed, line by line, for what must never be: tokens, values of
 * claims, private members of keys. Lines are not kept: tests measure memory.
 */
export class LogWatch {
  /** What was logged that should not have been. */
  readonly leaks = new Set<string>();
  /** How many lines came through a door. */
  readonly lines = new Map<string, number>();
  /** What must not be logged, and what it is. */
  private readonly secrets = new Map<string, string>();
  /** Issuers and audiences, which lines may name. */
  private readonly named = new Set<string>();

  tell(door: string, parts: readonly unknown[]): void {
    this.lines.set(door, (this.lines.get(door) ?? 0) + 1);
    const text = parts.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 8 }))).join(' ');
    const faults = [...this.leaksIn(text), ...(door === OUR_LOGGER ? faultsOfLine(text) : [])];
    for (const what of faults) {
      if (this.leaks.size < MOST_LEAKS) this.leaks.add(`${what}, by ${door}: ${text.slice(0, 300)}`);
    }
  }

  /** Every value in its claims is a secret from now on, but for issuer and audience. */
  keepToken(token: string): void {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    if (typeof payload !== 'object' || payload === null) return;
    const { iss, aud, ...claims } = payload as Record<string, unknown>;
    for (const [name, value] of Object.entries(claims)) this.keepAll(value, `the claim ${name}`);
    for (const text of [iss, aud].flat()) if (typeof text === 'string') this.named.add(text);
  }

  keepPrivateMembers(jwk: object): void {
    for (const [name, value] of Object.entries(jwk))
      if (PRIVATE_MEMBERS.includes(name)) this.keep(value, `the private member ${name}`);
  }

  private *leaksIn(text: string): Generator<string> {
    if (TOKEN.test(text)) yield 'a token';
    if (PRIVATE_MEMBER.test(text)) yield 'a private member';
    if (PRIVATE_PEM.test(text)) yield 'a private key';
    for (const [secret, what] of this.secrets) if (text.includes(secret) && !this.named.has(secret)) yield what;
  }

  private keepAll(value: unknown, what: string): void {
    if (typeof value === 'object' && value !== null) {
      for (const member of Object.values(value)) this.keepAll(member, what);
    } else {
      this.keep(value, what);
    }
  }

  private keep(value: unknown, what: string): void {
    if (typeof value !== 'string' && typeof value !== 'number') return;
    const text = String(value).slice(0, LONGEST_SECRET);
    if (text.trim().length >= SHORTEST_SECRET) this.secrets.set(text, what);
  }
}

/** The context of the package's own lines. */
export const OUR_LOGGER = 'Logger of JwksModule';

/** Kids and issuers stand in quotes. */
function* faultsOfLine(line: string): Generator<string> {
  if (!/^[\x20-\x7e]*$/.test(line)) yield 'not escaped';
  for (const [, quoted = ''] of line.matchAll(/"([^"]*)"/g)) if (!ESCAPED_AND_CUT.test(quoted)) yield 'not cut at 64';
}
