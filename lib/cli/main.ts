#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { isJwksError } from '../core/errors.js';
import { inspect } from './inspect.js';
import { render } from './render.js';

const USAGE = `Usage: nestjs-jwks inspect <issuer or JWKS URL> [--token T | --token-file F | -] [--audience A] [--json]

Shows where the keys of an issuer are, how long they may be kept and which are usable; with a token
every check of its verification. "-" reads the token from standard input. The token is never printed.

Exit code: 0 all is well, 1 a check failed, 2 wrong usage or no response.
`;

const EXIT = { passed: 0, failed: 1, unreachable: 2 } as const;

class UsageError extends Error {}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, target, dash, ...more] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (command !== 'inspect' || target === undefined || more.length > 0 || (dash !== undefined && dash !== '-'))
    throw new UsageError();
  const token = await tokenFrom(values.token, values['token-file'], dash);
  const report = await inspect(target, {
    ...(token !== undefined && { token }),
    ...(values.audience && { audience: values.audience }),
  });
  const inColor = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : render(report, inColor));
  return EXIT[report.outcome];
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        token: { type: 'string' },
        'token-file': { type: 'string' },
        audience: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch {
    // Its message may quote what was given, a token for instance.
    throw new UsageError();
  }
}

async function tokenFrom(...given: (string | undefined)[]): Promise<string | undefined> {
  const [token, file, dash] = given;
  if (given.filter((each) => each !== undefined).length > 1) throw new UsageError();
  if (dash !== undefined) return (await text(process.stdin)).trim();
  if (file === undefined) return token?.trim();
  return (await readFile(file, 'utf8').catch(() => Promise.reject(new UsageError(`cannot read ${file}`)))).trim();
}

process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  const isUsage = error instanceof UsageError || isJwksError(error);
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(isUsage ? `${message ? `${message}\n\n` : ''}${USAGE}` : `${message}\n`);
  return 2;
});
