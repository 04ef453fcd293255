import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface TestCertificates {
  /** The private CA, PEM. */
  readonly ca: string;
  /** For 127.0.0.1 and localhost, signed by the CA. */
  readonly server: Certificate;
  /** As {@link server}, but no longer valid. */
  readonly expired: Certificate;
  /** For `elsewhere.test`, signed by the CA. */
  readonly elsewhere: Certificate;
  /** For a client called `orders-api`, signed by the CA. */
  readonly client: Certificate;
}

let made: Promise<TestCertificates> | undefined;

/** A private CA and what it signed, made by the `openssl` program, once per process. */
export function testCertificates(): Promise<TestCertificates> {
  return (made ??= makeAll());
}

async function makeAll(): Promise<TestCertificates> {
  const folder = await mkdtemp(join(tmpdir(), 'certificates-'));
  try {
    const here = (name: string) => join(folder, name);
    await openssl([
      'req',
      '-x509',
      ...newKey(here('ca.key')),
      '-subj',
      '/CN=Test CA',
      '-days',
      '2',
      '-out',
      here('ca.pem'),
    ]);
    const loopback = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
    const server = await issue(folder, { name: 'server', extension: loopback, days: 2 });
    const expired = await issue(folder, { name: 'expired', extension: loopback, days: 0 });
    const elsewhere = await issue(folder, {
      name: 'elsewhere',
      extension: 'subjectAltName=DNS:elsewhere.test',
      days: 2,
    });
    const client = await issue(folder, { name: 'orders-api', extension: 'extendedKeyUsage=clientAuth', days: 2 });
    return { ca: await readFile(here('ca.pem'), 'utf8'), server, expired, elsewhere, client };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function issue(folder: string, wanted: { name: string; extension: string; days: number }): Promise<Certificate> {
  const file = (suffix: string) => join(folder, `${wanted.name}.${suffix}`);
  await writeFile(file('ext'), wanted.extension);
  await openssl(['req', ...newKey(file('key')), '-subj', `/CN=${wanted.name}`, '-out', file('csr')]);
  const ca = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key'), '-CAcreateserial'];
  const days = ['-days', String(wanted.days)];
  await openssl(['x509', '-req', '-in', file('csr'), ...ca, ...days, '-extfile', file('ext'), '-out', file('pem')]);
  return { cert: await readFile(file('pem'), 'utf8'), key: await readFile(file('key'), 'utf8') };
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file];
}

async function openssl(args: string[]): Promise<void> {
  await run('openssl', args);
}
