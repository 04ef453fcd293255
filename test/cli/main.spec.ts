import { execFile, type ExecFileException } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startIssuer } from '../client/support.js';
import { CompiledLib } from '../support/compiled-lib.js';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let lib: CompiledLib;

beforeAll(async () => {
  lib = await CompiledLib.make();
});

afterAll(() => lib[Symbol.asyncDispose]());

function run(args: readonly string[], input = ''): Promise<Ended> {
  const main = fileURLToPath(new URL('cli/main.js', lib.url));
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], (error: ExecFileException | null, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

describe('nestjs-jwks inspect', () => {
  it('ends with 0 for a good token, in plain text behind a pipe', async () => {
    const issuer = await startIssuer();
    const token = await issuer.sign();
    const { code, stdout, stderr } = await run(
      ['inspect', issuer.issuer, '-', '--audience', 'orders-api'],
      `${token}\n`,
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    expect(stdout).toMatch(/ok {5}audience/);
    for (const part of token.split('.')) expect(stdout).not.toContain(part);
  });

  it('ends with 1 where a check failed, with the hint, as JSON where that is asked for', async () => {
    const issuer = await startIssuer();
    const folder = await mkdtemp(join(tmpdir(), 'token-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'token'), await issuer.sign({ aud: 'account' }));
    const args = ['inspect', issuer.issuer, '--token-file', join(folder, 'token'), '--audience', 'orders-api'];
    const [text, json] = [await run(args), await run([...args, '--json'])];
    expect([text.code, json.code]).toEqual([1, 1]);
    expect(text.stdout).toContain('audience mapper');
    expect(JSON.parse(json.stdout)).toMatchObject({ outcome: 'failed', target: issuer.issuer });
  });

  it('ends with 2 where nothing answers', async () => {
    const issuer = await startIssuer();
    await issuer.down();
    expect(await run(['inspect', issuer.issuer])).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('no response'),
    });
  });

  it.each([
    [],
    ['inspect'],
    ['inspect', 'no-url'],
    ['verify', 'https://id.example.com'],
    ['inspect', 'https://id.example.com', '--unknown', 'eyJ-secret'],
    ['inspect', 'https://id.example.com', '--token', 'a', '-'],
    ['inspect', 'https://id.example.com', '--token-file', '/does/not/exist'],
  ])('ends with 2 and says how it is used: %j %j %j %j', async (...args) => {
    const { code, stdout, stderr } = await run(args.filter((arg) => arg !== undefined));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: nestjs-jwks inspect');
    expect(stderr).not.toContain('eyJ-secret');
  });

  it('says how it is used where that is asked for', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage') });
  });
});
