import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { Controller, Get, Logger, type LoggerService } from '@nestjs/common';
import { CompactEncrypt } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inspect } from '../../lib/cli/inspect.js';
import { Authenticated, JwksModule, JwksService, type JwksModuleOptions } from '../../lib/index.js';
import type { TestIssuer } from '../../lib/testing/index.js';
import { startIssuer, startServer } from '../client/support.js';
import { ADAPTERS, Api, type Answer } from './support/api.js';

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  list(): string {
    return 'yours';
  }
}

/** What an application logs at the default level of Nest, one line each, with its level. */
class Lines implements LoggerService {
  readonly all: string[] = [];
  log = (message: unknown, context?: unknown) => this.add('log', message, context);
  warn = (message: unknown, context?: unknown) => this.add('warn', message, context);
  error = (message: unknown, context?: unknown) => this.add('error', message, context);
  debug = (message: unknown, context?: unknown) => this.add('debug', message, context);

  private add(level: string, message: unknown, context: unknown): void {
    if (context === 'JwksModule') this.all.push(`${level}: ${String(message)}`);
  }
}

interface Attempt {
  readonly lines: string[];
  readonly answer: Answer;
  readonly api: Api;
}

const generate = promisify(generateKeyPair);

async function attempt(options: JwksModuleOptions, token: string): Promise<Attempt> {
  const logger = new Lines();
  Logger.overrideLogger(logger);
  onTestFinished(() => Logger.overrideLogger(['fatal', 'error', 'warn', 'log', 'debug', 'verbose']));
  const api = await Api.start(ADAPTERS[0][1], {
    imports: [JwksModule.forRoot(options)],
    controllers: [OrdersController],
  });
  onTestFinished(() => api[Symbol.asyncDispose]());
  Logger.overrideLogger(logger);
  const answer = await api.call('/orders', { token });
  const lines = logger.all.filter((line) => !line.startsWith('log: Keys loaded'));
  return { lines, answer, api };
}

interface Misconfiguration {
  readonly title: string;
  readonly options?: (issuer: TestIssuer) => JwksModuleOptions;
  readonly token: (issuer: TestIssuer) => Promise<string>;
  /** What the line must say: cause, then remedy. */
  readonly line: RegExp;
  /** The check of `inspect` that fails. */
  readonly check?: string;
}

const withIssuer =
  (change: (issuer: string) => string) =>
  (issuer: TestIssuer): JwksModuleOptions => ({
    issuer: change(issuer.issuer),
    audience: 'orders-api',
    jwksUri: issuer.jwksUri,
    allowInsecure: true,
  });

const MISCONFIGURATIONS: Misconfiguration[] = [
  {
    title: 'another audience',
    token: (issuer) => issuer.sign({ aud: 'account' }),
    line: /"aud" is "account", expected "orders-api".*; .*audience mapper/,
    check: 'audience',
  },
  {
    title: 'no audience, as in access tokens of Cognito',
    token: (issuer) => issuer.sign({ aud: undefined, client_id: 'shop', token_use: 'access' }),
    line: /"aud" is missing, expected "orders-api".*; .*client_id/,
    check: 'audience',
  },
  {
    title: 'a list of audiences that lacks ours',
    token: (issuer) => issuer.sign({ aud: ['account', 'shop'] }),
    line: /"aud" is "account" and "shop", expected "orders-api"/,
    check: 'audience',
  },
  {
    title: 'an option "audience" that holds a list in one text',
    options: (issuer) => ({ issuer: issuer.issuer, audience: 'orders-api,billing' }),
    token: (issuer) => issuer.sign(),
    line: /"aud" is "orders-api", expected "orders-api,billing".*; .*give a list/,
  },
  {
    title: 'an issuer without its slash',
    options: withIssuer((issuer) => `${issuer}/`),
    token: (issuer) => issuer.sign(),
    line: /The issuer is "http:.*", not "http:.*\/".*; the issuer differs by a trailing slash/,
    check: 'none',
  },
  {
    title: 'an issuer in another case',
    options: withIssuer((issuer) => `${issuer}/Realms/X`),
    token: (issuer) => issuer.sign({ iss: `${issuer.issuer}/realms/x` }),
    line: /upper and lower case/,
    check: 'issuer',
  },
  {
    title: 'an issuer with another scheme',
    options: withIssuer((issuer) => issuer.replace('http:', 'https:')),
    token: (issuer) => issuer.sign(),
    line: /differs by its scheme/,
    check: 'none',
  },
  {
    title: 'an issuer with another host, as with containers',
    options: withIssuer((issuer) => issuer.replace('127.0.0.1', 'keycloak')),
    token: (issuer) => issuer.sign(),
    line: /another host, as with containers.*jwksUri/,
    check: 'none',
  },
  {
    title: 'an ID token in place of an access token',
    token: (issuer) => issuer.sign({ aud: 'shop', nonce: 'n-0S6_WzA2Mj', at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }),
    line: /"aud" is "shop", expected "orders-api".*; this looks like an ID token/,
    check: 'audience',
  },
  {
    title: 'an ID token where access tokens have a type',
    options: (issuer) => ({ ...issuer.options(), tokenType: 'at+jwt' }),
    token: (issuer) => issuer.sign({ nonce: 'n-0S6_WzA2Mj' }, { header: { typ: 'JWT' } }),
    line: /"typ" is "JWT", expected "at\+jwt".*; this looks like an ID token/,
    check: 'none',
  },
  {
    title: 'a token for Microsoft Graph',
    token: async (issuer) => {
      const [head = '', body, signature] = (await issuer.sign({ aud: '00000003-0000-0000-c000-000000000000' })).split(
        '.',
      );
      const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as object;
      return [Buffer.from(JSON.stringify({ ...header, nonce: 'x' })).toString('base64url'), body, signature].join('.');
    },
    line: /signature_invalid: .*Microsoft Graph/,
    check: 'signature',
  },
  {
    title: 'an opaque token',
    token: async () => 'dGhpcyBpcyBhbiBvcGFxdWUgdG9rZW4',
    line: /token_malformed: .*1 parts, not 3.*; an opaque token: ask the provider for a JWT access token/,
    check: 'form',
  },
  {
    title: 'a token signed with a shared secret',
    token: async (issuer) => {
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${encode({ alg: 'HS256', kid: issuer.kids[0] })}.${encode({ iss: issuer.issuer })}.${'A'.repeat(43)}`;
    },
    line: /algorithm is "HS256", not one of .*shared secret/,
    check: 'algorithm',
  },
  {
    title: 'an encrypted token',
    token: async () => {
      const { publicKey } = await generate('rsa', { modulusLength: 2048 });
      return new CompactEncrypt(Buffer.from('{}'))
        .setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM' })
        .encrypt(publicKey);
    },
    line: /encrypted \(a JWE of five parts\).*; .*not encrypted/,
    check: 'form',
  },
  {
    title: 'a key of another algorithm under a known kid',
    token: async (issuer) => {
      const { privateKey } = await generate('rsa', { modulusLength: 2048 });
      return issuer.sign({}, { alg: 'RS256', key: privateKey, kid: issuer.kids[0] as string });
    },
    line: /The key ".*" is for ES256, and the access token is signed with "RS256".*; .*another key under this kid/,
    check: 'key',
  },
  {
    title: 'a kid that is not there after a refetch either',
    token: async (issuer) => {
      const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
      return issuer.sign({}, { key: privateKey, kid: 'of-staging' });
    },
    line: /has no key "of-staging".*; it has ".*".*; .*another environment, realm or tenant/,
    check: 'key',
  },
  {
    title: 'a clock that is behind',
    token: (issuer) => issuer.sign({ iat: Math.floor(Date.now() / 1000) + 600 }),
    line: /valid from (?:600|599) s in the future \("iat"\).*; the clock differs by about (?:600|599) s/,
    check: 'times',
  },
  {
    title: 'a token that is too long',
    token: (issuer) => issuer.sign({ roles: Array.from({ length: 400 }, (_, index) => `role-number-${index}`) }),
    line: /has \d{4,5} characters, more than 8192.*; .*maxTokenLength/,
  },
];

describe('a misconfiguration', () => {
  it.each(MISCONFIGURATIONS)('shows with cause and remedy in one line of the default log: $title', async (each) => {
    const issuer = await startIssuer();
    const token = await each.token(issuer);
    const { lines, answer } = await attempt((each.options ?? ((its: TestIssuer) => its.options()))(issuer), token);
    expect(answer.status).toBe(401);
    expect(lines.filter((line) => line.startsWith('warn: '))).toEqual([expect.stringMatching(each.line)]);
    expect(JSON.stringify([answer.headers, answer.body])).not.toMatch(/expected|differs|looks like|Graph|JWE|clock/);
  });

  it.each(MISCONFIGURATIONS.filter(({ check }) => check !== 'none' && check !== undefined))(
    'is found by inspect: $title',
    async ({ token: make, check }) => {
      const issuer = await startIssuer();
      const report = await inspect(issuer.issuer, { token: await make(issuer), audience: 'orders-api' });
      const failed = report.checks.find(({ result }) => result === 'failed');
      expect(report.outcome).toBe('failed');
      expect(failed).toMatchObject({ name: check });
      expect(failed?.hint).not.toBe('');
    },
  );

  it('of the clock shows for tokens that seem to have expired, by the Date of the provider', async () => {
    const issuer = await startIssuer();
    const server = await startServer();
    server.on('/jwks', () => ({ body: issuer.jwks, headers: { date: new Date(Date.now() - 600_000).toUTCString() } }));
    const options = { issuer: issuer.issuer, audience: 'orders-api', jwksUri: server.url('/jwks') };
    const token = await issuer.sign({ iat: Math.floor(Date.now() / 1000) - 600 }, { expiresIn: '-5m' });
    const { lines } = await attempt(options, token);
    expect(lines).toEqual([
      expect.stringMatching(/^warn: .*token_expired: .*expired 90\d s ago.*differs by about 60\d s/),
    ]);
  });
});

describe('rejected tokens', () => {
  it('show in the status by code, beside the accepted ones', async () => {
    const issuer = await startIssuer();
    const { api } = await attempt(issuer.options(), await issuer.sign());
    await api.call('/orders', { token: await issuer.sign({ aud: 'account' }) });
    await api.call('/orders', { token: await issuer.sign({}, { expiresIn: '-1h' }) });
    await api.call('/orders', { token: 'opaque' });
    await api.call('/orders', { token: await issuer.sign({ iss: 'https://other.example' }) });
    expect(api.app.get(JwksService).status()).toMatchObject([
      {
        tokens: {
          accepted: 1,
          rejected: { claim_invalid: 1, token_expired: 1 },
          untrusted: { token_malformed: 1, issuer_untrusted: 1 },
        },
      },
    ]);
  });

  it('that have expired stay at debug', async () => {
    const issuer = await startIssuer();
    const { lines } = await attempt(issuer.options(), await issuer.sign({}, { expiresIn: '-1h' }));
    expect(lines).toEqual([expect.stringMatching(/^debug: .*expired 360\d s ago/)]);
  });
});
