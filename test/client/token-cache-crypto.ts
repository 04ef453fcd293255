import { types } from 'node:util';
import { setImmediate } from 'node:timers/promises';

type Method = (...args: readonly unknown[]) => Promise<unknown>;

let checks = 0;
let running = 0;
let last: Promise<unknown> = Promise.resolve();
/**
 * What WebCrypto said once of a key and a signature: it says the same again, and both sides ask for
 * the same again and again.
 */
const said = new Map<string, Promise<unknown>>();
const numbers = new WeakMap<object, number>();
let numbered = 0;

/** How many signatures were checked since the start of this process. */
export function checksSoFar(): number {
  return checks;
}

/**
 * For the rest of the process: signature checks are counted, so that both sides can be left to come
 * to rest, and made one after another, for of two bad signatures the one that is found out first
 * gets what is left of the budget.
 */
export function countChecks(): void {
  replace('verify', () => (checks += 1));
  replace('importKey', () => {});
}

/** Until nothing can go on but by time that passes. */
export async function quiet(): Promise<void> {
  for (let idle = 0; idle < 3; idle += 1) {
    await setImmediate();
    if (running > 0) idle = 0;
  }
}

function replace(name: 'verify' | 'importKey', count: () => void): void {
  const { subtle } = crypto;
  const original = (subtle[name] as Method).bind(subtle);
  const value: Method = (...args) => {
    count();
    running += 1;
    const result = last.then(() => ask(name, original, args));
    const end = () => void (running -= 1);
    last = result.then(end, end);
    return result;
  };
  Object.defineProperty(subtle, name, { value, configurable: true, writable: true });
}

async function ask(name: string, original: Method, args: readonly unknown[]): Promise<unknown> {
  const question = JSON.stringify([name, ...args.map(identify)]);
  const known = said.get(question) ?? original(...args);
  said.set(question, known);
  // No answer of WebCrypto comes in the turn of its question.
  await setImmediate();
  return known;
}

function identify(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (!types.isCryptoKey(value)) return value;
  if (!numbers.has(value)) numbers.set(value, (numbered += 1));
  return numbers.get(value);
}
