import { generateKeyPairSync } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import { CompactSign } from 'jose/jws/compact/sign';
import { afterAll, expect } from 'vitest';
import { LogWatch, OUR_LOGGER } from './log-watch.js';

// Runs before each file of tests: what they log and print, at every level, is looked through when
// they are done.

/** Layers that do not import Nest, which takes long to load. */
const WITHOUT_NEST = /[\\/]test[\\/](?:core|keys|sources|cache|tokens|options|package)[\\/]/;
const LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;
const CONSOLE = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What is replaced stays so for the other files that the same process runs. */
interface Watching {
  log: LogWatch;
  isNestWatched: boolean;
}

const KEY = Symbol.for('nestjs-jwks.test.log-watch');
const shared = globalThis as { [KEY]?: Watching };
const watching = (shared[KEY] ??= startWatching());
watching.log = new LogWatch();
// The levels of another file's application are no longer those of this one.
if (watching.isNestWatched) (await import('@nestjs/common')).Logger.overrideLogger([...LEVELS]);
else if (!WITHOUT_NEST.test(expect.getState().testPath ?? '')) {
  watching.isNestWatched = true;
  await watchNest();
}

afterAll(() => {
  // Else this list of layers is out of date, and their logs were not looked at.
  if (!watching.isNestWatched && 'getMetadata' in Reflect)
    throw new Error('Nest was loaded, and its logs were not watched');
  const { leaks } = watching.log;
  if (leaks.size > 0) throw new Error(`These were logged, and must not be:\n${[...leaks].join('\n')}`);
});

function startWatching(): Watching {
  for (const method of CONSOLE) listen(console, method, () => `console.${method}`);
  for (const stream of ['stdout', 'stderr'] as const) listen(process[stream], 'write', () => `process.${stream}`);
  watchSecrets();
  return { log: new LogWatch(), isNestWatched: false };
}

/** Whatever logger an application has: its lines come through this class. */
async function watchNest(): Promise<void> {
  const nest = await import('@nestjs/common');
  const door = (logger: unknown) =>
    (logger as Logger & { context?: string }).context === 'JwksModule' ? OUR_LOGGER : 'Logger';
  for (const level of LEVELS) {
    listen(nest.Logger.prototype, level, door);
    listen(nest.Logger, level, () => 'Logger');
    listen(nest.ConsoleLogger.prototype, level, () => 'ConsoleLogger');
  }
}

/** Tokens and keys are secrets from the moment they are made. */
function watchSecrets(): void {
  overrideAfter(CompactSign.prototype, 'sign', (token) => watching.log.keepToken(token as string));
  overrideAfter(Object.getPrototypeOf(crypto.subtle) as object, 'exportKey', keepKey);
  const { privateKey } = generateKeyPairSync('ed25519');
  overrideAfter(Object.getPrototypeOf(privateKey) as object, 'export', keepKey);
}

function keepKey(exported: unknown): void {
  if (typeof exported === 'object' && exported !== null && 'kty' in exported) watching.log.keepPrivateMembers(exported);
}

function listen(object: object, name: string, door: (self: unknown) => string): void {
  override(object, name, (original) => {
    return function (...args) {
      watching.log.tell(door(this), args);
      return original.apply(this, args);
    };
  });
}

/** Looks at what a method returns, or what its promise resolves to. */
function overrideAfter(object: object, name: string, look: (answer: unknown) => void): void {
  override(object, name, (original) => {
    return function (...args) {
      const answer = original.apply(this, args);
      if (!(answer instanceof Promise)) {
        look(answer);
        return answer;
      }
      return answer.then((value: unknown) => {
        look(value);
        return value;
      });
    };
  });
}

function override(object: object, name: string, make: (original: Method) => Method): void {
  const original = Reflect.get(object, name) as Method;
  Object.defineProperty(object, name, { value: make(original), writable: true, configurable: true });
}
