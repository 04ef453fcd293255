import { Controller, Get, Logger, type LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksModule, JwksService } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';
import { testKey } from '../support/keys.js';
import { encode } from '../tokens/raw-token.js';

const SUBJECT = 'alice@example.com';
const HOSTILE = `\n[ERROR] fake line\r\u001b[31m\u2028"quoted"${'k'.repeat(120)}`;
/** As `safeText` cuts it: 64 characters of what came, then dots. */
const ESCAPED_AND_CUT = /^(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\u[0-9a-f]{4}){1,64}(?:\.\.\.)?$/;

@Controller()
class ClaimsController {
  @Get()
  @Authenticated({ scopes: ['read'] })
  claims(@Claims() claims: object) {
    return claims;
  }
}

/** Everything that is logged or printed, at every level. */
class Recorder implements LoggerService {
  readonly lines: string[] = [];
  readonly log = this.record.bind(this);
  readonly error = this.record.bind(this);
  readonly warn = this.record.bind(this);
  readonly debug = this.record.bind(this);
  readonly verbose = this.record.bind(this);
  readonly fatal = this.record.bind(this);

  private record(...parts: unknown[]): void {
    this.lines.push(parts.map((part) => (part instanceof Error ? `${part.stack}` : String(part))).join(' '));
  }
}

describe.each(ADAPTERS)('the logs, every level on, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let recorder: Recorder;
  let api: Api;

  beforeEach(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    recorder = new Recorder();
    const module = JwksModule.forRoot({ ...issuer.options(), http: { retries: 0 } });
    api = await Api.start(makeAdapter, { imports: [module], controllers: [ClaimsController] });
    Logger.overrideLogger(['fatal', 'error', 'warn', 'log', 'debug', 'verbose']);
    Logger.overrideLogger(recorder);
  });

  afterEach(async () => {
    Logger.overrideLogger(['error', 'warn', 'log']);
    await api[Symbol.asyncDispose]();
    await issuer.close();
  });

  /** The text of each token sent, to look for. */
  async function send(tokens: readonly string[]): Promise<void> {
    for (const token of tokens) await api.call('/', { token });
  }

  async function representative(): Promise<string[]> {
    const claims = { sub: SUBJECT, scope: 'read', email: SUBJECT };
    const good = await issuer.sign(claims);
    const [header, payload, signature = ''] = good.split('.');
    const refused = [
      { scope: 'write' },
      { aud: 'another-api' },
      { exp: 1 },
      { nbf: 9e9 },
      { exp: SUBJECT },
      { cnf: {} },
    ];
    return [
      good,
      ...(await Promise.all(refused.map((more) => issuer.sign({ ...claims, ...more })))),
      `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
      `${header}.${payload}.${signature}.${signature}`,
      `${encode({ alg: 'ES256', kid: HOSTILE })}.${payload}.${signature}`,
      `${header}.${encode({ ...claims, iss: HOSTILE })}.${signature}`,
      `${encode({ alg: HOSTILE })}.${payload}.${signature}`,
    ];
  }

  it('I11: hold no token, no claim and no private member of a key', async () => {
    const burnt = await testKey('RS256', 'burnt');
    const tokens = await representative();
    await send(tokens);
    await issuer.rotate();
    await send([await issuer.sign({ sub: SUBJECT, scope: 'read' })]);
    const jwks = api.app.get(JwksService);
    await issuer.garbage({ keys: [{ ...burnt.privateJwk, use: 'sig' }, ...issuer.jwks.keys] });
    await jwks.getJwkSet({ refresh: true });
    await issuer.garbage(`<html>${SUBJECT}</html>`);
    await jwks.getJwkSet({ refresh: true }).catch(() => undefined);
    await issuer.down();
    await jwks.getJwkSet({ refresh: true }).catch(() => undefined);
    await send(tokens);

    const text = recorder.lines.join('\n');
    // One line a minute at each level about tokens of one issuer.
    for (const code of ['insufficient_scope', 'claim_invalid (aud)', 'token_malformed'])
      expect(text).toContain(`1 ${code}: `);
    for (const reported of ['rotated', 'private members', 'could not be loaded']) expect(text).toContain(reported);
    for (const part of tokens.flatMap((token) => token.split('.')).filter((each) => each.length > 8))
      expect(text).not.toContain(part);
    expect(text).not.toContain(SUBJECT);
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'n'] as const)
      expect(text).not.toContain(burnt.privateJwk[name]);
  });

  it('I10: escape kids and issuers, cut at 64, and keep to one line each', async () => {
    await send(await representative());
    await issuer.garbage({ keys: [{ kty: HOSTILE, kid: HOSTILE }, ...issuer.jwks.keys] });
    await api.app.get(JwksService).getJwkSet({ refresh: true });
    expect(recorder.lines.some((line) => line.includes('fake line'))).toBe(true);
    for (const line of recorder.lines) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      for (const [, quoted = ''] of line.matchAll(/"([^"]*)"/g)) expect(quoted).toMatch(ESCAPED_AND_CUT);
      expect(line).not.toContain('k'.repeat(65));
    }
  });
});
