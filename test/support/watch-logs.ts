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

const watch = new LogWatch();
const knowsNest = !WITHOUT_NEST.test(expect.getState().testPath ?? '');

for (const method of CONSOLE) listen(console, method, () => `console.${method}`);
for (const stream of ['stdout', 'stderr'] as const) listen(process[stream], 'write', () => `process.${stream}`);
if (knowsNest) await watchNest();
watchSecrets();

afterAll(() => {
  // Else this list of layers is out of date, and their logs were not looked at.
  if (!knowsNest && 'getMetadata' in Reflect) throw new Error('Nest was loaded, and its logs were not watched');
  if (watch.leaks.size > 0) throw new Error(`These were logged, and must not be:\n${[...watch.leaks].join('\n')}`);
});

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
  overrideAfter(CompactSign.prototype, 'sign', (token) => watch.keepToken(token as string));
  overrideAfter(Object.getPrototypeOf(crypto.subtle) as object, 'exportKey', keepKey);
  const { privateKey } = generateKeyPairSync('ed25519');
  overrideAfter(Object.getPrototypeOf(privateKey) as object, 'export', keepKey);
}

function keepKey(exported: unknown): void {
  if (typeof exported === 'object' && exported !== null && 'kty' in exported) watch.keepPrivateMembers(exported);
}

function listen(object: object, name: string, door: (self: unknown) => string): void {
  override(object, name, (original) => {
    return function (...args) {
      watch.tell(door(this), args);
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
