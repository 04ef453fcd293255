import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogWatch, OUR_LOGGER } from '../support/log-watch.js';
import { rawToken } from '../tokens/raw-token.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const D = 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI';
const TOKEN = rawToken(
  { alg: 'ES256' },
  { iss: 'https://id.example', sub: 'alice@example.com', deep: [{ id: 123456789 }] },
);

function leaksOf(door: string, ...parts: unknown[]): string[] {
  const watch = new LogWatch();
  watch.keepToken(TOKEN);
  watch.keepPrivateMembers({ kty: 'EC', crv: 'P-256', d: D });
  watch.tell(door, parts);
  return [...watch.leaks].map((leak) => leak.split(', by ')[0] ?? '');
}

describe('what the suite looks for in every log', () => {
  it.each<[string, unknown[], string]>([
    ['a token', ['refused', TOKEN], 'a token'],
    ['a token without its signature', [TOKEN.slice(0, TOKEN.lastIndexOf('.') + 1)], 'a token'],
    ['a claim', ['user alice@example.com'], 'the claim sub'],
    ['a number deep in a claim', [{ id: 123456789 }], 'the claim deep'],
    ['a claim in the cause of an error', [new Error('x', { cause: 'alice@example.com' })], 'the claim sub'],
    ['a private member that was made here', [`the key ${D}`], 'the private member d'],
    ['a private member from elsewhere', [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldA' }], 'a private member'],
    ['the same as JSON', [JSON.stringify({ kty: 'RSA', dp: 'c2VjcmV0LXNlY3JldA' })], 'a private member'],
    ['a PEM', ['-----BEGIN PRIVATE KEY-----\nMC4'], 'a private key'],
  ])('finds %s', (_name, parts, leak) => {
    expect(leaksOf('console.log', ...parts)).toContain(leak);
  });

  it('I10: finds in our own lines a kid or issuer that is not escaped, or longer than 64', () => {
    expect(leaksOf(OUR_LOGGER, 'kid "a\nb"')).toContain('not escaped');
    expect(leaksOf(OUR_LOGGER, `kid "${'k'.repeat(65)}"`)).toEqual(['not cut at 64']);
    expect(leaksOf(OUR_LOGGER, `kid "${'k'.repeat(64)}..."`)).toEqual([]);
  });

  it('has nothing against an issuer, a kid and the name of a claim', () => {
    expect(leaksOf(OUR_LOGGER, 'Rejected a token: the claim "sub" (iss "https://id.example", kid "a")')).toEqual([]);
  });
});

const COMMON = `
  import { createHmac, generateKeyPair } from 'node:crypto';
  import { promisify } from 'node:util';
  import { Logger } from '@nestjs/common';
  import { it } from 'vitest';
  import { TestIssuer } from 'nestjs-jwks/testing';
  Logger.overrideLogger(false);
`;
const signed = (then: string) => `${COMMON} it('x', async () => {
  await using issuer = await TestIssuer.start();
  const token = await issuer.sign({ sub: 'alice@example.com' });
  ${then}
});`;

/** Each ends well but for what it prints. */
const PLANTED: Record<string, [code: string, leak: string | undefined]> = {
  clean: [signed(`new Logger('JwksModule').debug('iss "' + issuer.issuer + '"');`), undefined],
  claim: [signed(`new Logger('x').debug('for alice@example.com');`), 'the claim sub, by Logger'],
  static: [signed(`Logger.verbose({ user: ['alice@example.com'] });`), 'the claim sub, by Logger'],
  token: [signed(`console.debug(token);`), 'a token, by console.debug'],
  stream: [signed(`process.stderr.write(token);`), 'a token, by process.stderr'],
  key: [
    `${COMMON} it('x', async () => {
      const { privateKey } = await promisify(generateKeyPair)('ed25519');
      const { d } = privateKey.export({ format: 'jwk' });
      console.info('made ' + d);
    });`,
    'the private member d, by console.info',
  ],
  line: [`${COMMON} it('x', () => new Logger('JwksModule').log('kid "\\u2028"'));`, `not escaped, by ${OUR_LOGGER}`],
};

describe('a file of tests', () => {
  let folder = '';
  let results = new Map<string, string>();

  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'nestjs-jwks-logs-')));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
    for (const [name, [code]] of Object.entries(PLANTED)) writeFileSync(join(folder, `${name}.spec.ts`), code);
    const config = JSON.stringify(join(ROOT, 'vitest.config.ts'));
    writeFileSync(
      join(folder, 'vitest.config.mjs'),
      `import config from ${config}; export default { ...config, test: { ...config.test, projects: undefined, include: ['*.spec.ts'], isolate: false, maxWorkers: 1, reporters: ['json'], outputFile: 'told.json' } };`,
    );
    const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|FORCE_COLOR)/.test(name));
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    spawnSync(process.execPath, [vitest, 'run'], { cwd: folder, env: Object.fromEntries(inherited) });
    const { testResults } = JSON.parse(readFileSync(join(folder, 'told.json'), 'utf8')) as {
      testResults: { name: string; status: string; message: string }[];
    };
    results = new Map(
      testResults.map(({ name, status, message }) => [
        name.replace(/.*[\\/]|\.spec\.ts$/g, ''),
        `${status} ${message}`,
      ]),
    );
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.entries(PLANTED))('I11: fails for what it logs: %s', (name, [, leak]) => {
    expect(results.get(name)).toContain(leak === undefined ? 'passed' : `failed`);
    expect(results.get(name)).toContain(leak ?? '');
  });
});
