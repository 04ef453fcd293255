import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { inspect } from '../../lib/cli/inspect.js';
import { render } from '../../lib/cli/render.js';
import type { InspectReport } from '../../lib/cli/report.js';
import { startIssuer, startServer } from '../client/support.js';
import { TestProxy } from '../sources/test-proxy.js';

const generate = promisify(generateKeyPair);

function check(report: InspectReport, name: string) {
  return report.checks.find((each) => each.name === name);
}

/** The first check that failed. */
function cause(report: InspectReport) {
  return report.checks.find(({ result }) => result === 'failed');
}

describe('inspect', () => {
  it('finds the keys of an issuer by discovery and says how long they may be kept', async () => {
    const issuer = await startIssuer({ alg: ['RS256', 'ES256'], cacheControl: 'public, max-age=300' });
    const report = await inspect(issuer.issuer);
    expect(report).toMatchObject({
      outcome: 'passed',
      foundBy: 'discovery',
      issuer: issuer.issuer,
      jwksUri: issuer.jwksUri,
      freshness: { freshFor: 300, refreshAfter: 240, staleFor: 86_400 },
      keys: [
        { kty: 'RSA', size: 2048, alg: 'RS256', usable: true },
        { kty: 'EC', crv: 'P-256', alg: 'ES256', usable: true },
      ],
    });
    expect(report.requests[0]?.url).toBe(`${issuer.issuer}/.well-known/openid-configuration`);
    expect(report.requests.at(-1)?.headers).toMatchObject({ 'cache-control': 'public, max-age=300' });
  });

  it.each(['the discovery document', 'the set'])('takes the URL of %s, too', async (which) => {
    const issuer = await startIssuer();
    const url = which === 'the set' ? issuer.jwksUri : `${issuer.issuer}/.well-known/openid-configuration`;
    expect(await inspect(url)).toMatchObject({ outcome: 'passed', jwksUri: issuer.jwksUri });
  });

  it('takes a set at a URL that does not look like one', async () => {
    const { jwks } = await startIssuer();
    const server = await startServer();
    server.on('/tokens', { body: jwks });
    expect(await inspect(server.url('/tokens'))).toMatchObject({ outcome: 'passed', foundBy: 'url' });
  });

  it('passes every check of a good token, in the order of a verification', async () => {
    const issuer = await startIssuer();
    const report = await inspect(issuer.issuer, { token: await issuer.sign(), audience: 'orders-api' });
    expect(report.outcome).toBe('passed');
    const names = report.checks.map(({ name }) => name);
    expect(names.slice(names.indexOf('form'))).toEqual([
      'form',
      'issuer',
      'algorithm',
      'key',
      'signature',
      'type',
      'claims',
      'times',
      'audience',
      'binding',
    ]);
    expect(report.checks.every(({ result }) => result === 'passed')).toBe(true);
    expect(report.token).toMatchObject({ header: { alg: 'ES256' }, claims: { iss: issuer.issuer, aud: 'orders-api' } });
  });

  it('goes on after a failed check, so that all that is wrong shows at once', async () => {
    const issuer = await startIssuer();
    const token = await issuer.sign({ iss: `${issuer.issuer}/`, aud: 'account' }, { expiresIn: '-10m' });
    const report = await inspect(issuer.issuer, { token, audience: 'orders-api' });
    expect(report.outcome).toBe('failed');
    const failed = report.checks.filter(({ result }) => result === 'failed').map(({ name }) => name);
    expect(failed).toEqual(['issuer', 'times', 'audience']);
  });

  it('says what could not be checked behind a wrong signature', async () => {
    const issuer = await startIssuer();
    const other = await generate('ec', { namedCurve: 'P-256' });
    const token = await issuer.sign({}, { key: other.privateKey });
    const report = await inspect(issuer.issuer, { token });
    expect(cause(report)).toMatchObject({ name: 'signature' });
    expect(check(report, 'audience')).toMatchObject({ result: 'skipped' });
  });

  it('does not compare an audience that was not given', async () => {
    const issuer = await startIssuer();
    const report = await inspect(issuer.issuer, { token: await issuer.sign() });
    expect(check(report, 'audience')).toMatchObject({ result: 'skipped' });
    expect(report.outcome).toBe('passed');
  });

  it('shows unusable keys with the reason, also where none is usable', async () => {
    const server = await startServer();
    const { publicKey } = await generate('rsa', { modulusLength: 1024 });
    server.on('/jwks', { body: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'weak' }, 7] } });
    const report = await inspect(server.url('/jwks'));
    expect(report).toMatchObject({
      outcome: 'failed',
      keys: [
        { kid: 'weak', kty: 'RSA', size: 1024, usable: false },
        { usable: false, reason: 'is not a JSON object' },
      ],
    });
    expect(cause(report)?.detail).toContain('no usable key');
  });

  it('has no outcome but unreachable where no response came', async () => {
    const issuer = await startIssuer();
    await issuer.down();
    const report = await inspect(issuer.issuer);
    expect(report.outcome).toBe('unreachable');
    expect(cause(report)?.detail).toContain('could not be reached');
  });

  it('names a proxy that rejects: nothing was reached', async () => {
    const proxy = await TestProxy.start();
    onTestFinished(() => proxy.close());
    proxy.refuseWith = 403;
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    vi.stubEnv('https_proxy', undefined);
    onTestFinished(() => void vi.unstubAllEnvs());
    const report = await inspect('https://id.example.com/');
    expect(report.outcome).toBe('unreachable');
    expect(cause(report)?.detail).toContain(`through the proxy ${proxy.url}, which answered with status 403`);
  });

  it('finds a clock that differs by the Date of the response', async () => {
    const { jwks } = await startIssuer();
    const server = await startServer();
    const date = new Date(Date.now() + 600_000).toUTCString();
    server.on('/jwks', { body: jwks, headers: { date } });
    const report = await inspect(server.url('/jwks'));
    expect(report.clockOffset).toBeGreaterThan(590);
    expect(check(report, 'clock')).toMatchObject({ result: 'failed', detail: expect.stringContaining('behind') });
  });

  it('rejects a target that is not a URL', async () => {
    await expect(inspect('id.example.com')).rejects.toMatchObject({ code: 'configuration_invalid' });
  });

  it('verifies tokens of an issuer on plain http, which it objects to', async () => {
    const issuer = await startIssuer();
    const name = 'http://keycloak:8080/realms/x';
    const documents: Record<string, object> = {
      [`${name}/.well-known/openid-configuration`]: { issuer: name, jwks_uri: `${name}/certs` },
      [`${name}/certs`]: issuer.jwks,
    };
    const fetch = async (url: unknown) => Response.json(documents[String(url)] ?? {});
    const report = await inspect(name, {
      token: await issuer.sign({ iss: name }),
      fetch: fetch as typeof globalThis.fetch,
    });
    expect(report.checks.filter(({ result }) => result === 'failed').map(({ name: check }) => check)).toEqual([
      'https',
    ]);
  });

  it('notes an ID token, also one that passes', async () => {
    const issuer = await startIssuer();
    const token = await issuer.sign({ nonce: 'n-0S6_WzA2Mj' });
    const report = await inspect(issuer.issuer, { token, audience: 'orders-api' });
    expect(report.outcome).toBe('passed');
    expect(check(report, 'type')).toMatchObject({ detail: 'this looks like an ID token' });
  });

  it('never shows the token or its signature', async () => {
    const issuer = await startIssuer();
    const token = await issuer.sign({ aud: 'other', scope: 'x'.repeat(100), nested: { secret: 'hunter22' } });
    const report = await inspect(issuer.issuer, { token, audience: 'orders-api' });
    for (const text of [JSON.stringify(report), render(report, true)]) {
      expect(text).not.toContain(token.split('.')[2]);
      expect(text).not.toContain(token.split('.')[1]);
      expect(text).not.toContain('hunter22');
    }
  });

  it('is in color only where that is asked for', async () => {
    const issuer = await startIssuer();
    const report = await inspect(issuer.issuer);
    expect(render(report, true)).toContain('\u001b[');
    expect(render(report, false)).toMatch(/^[\x20-\x7e\n]*$/);
  });
});
