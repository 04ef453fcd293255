import { setImmediate } from 'node:timers/promises';

let checks = 0;
let running = 0;
let last: Promise<unknown> = Promise.resolve();

/** How many signatures were checked since the start of this process. */
export function checksSoFar(): number {
  return checks;
}

/**
 * WebCrypto works on other threads: its calls are counted, so that both sides can be left to come to rest, and made one after another, for of two
 * bad signatures the one that is found out first gets what is left of the budget.
 */
function count(name: 'verify' | 'importKey' | 'digest'): void {
  const { subtle } = crypto;
  const original = subtle[name] as (...args: unknown[]) => Promise<unknown>;
  const end = () => void (running -= 1);
  const counted = (...args: unknown[]) => {
    running += 1;
    if (name === 'verify') checks += 1;
    const result = last.then(() => original.apply(subtle, args));
    last = result.then(end, end);
    return result;
  };
  Object.defineProperty(subtle, name, { value: counted, configurable: true, writable: true });
}

/** For the rest of the process. */
export function countChecks(): void {
  count('verify');
  count('importKey');
  count('digest');
}

/** Until nothing can go on but by time that passes. */
export async function quiet(): Promise<void> {
  for (let idle = 0; idle < 3; idle += 1) {
    await setImmediate();
    if (running > 0) idle = 0;
  }
}
