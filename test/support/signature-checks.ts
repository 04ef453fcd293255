import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

type Verify = (...args: readonly unknown[]) => unknown;

/** For all files that the same process runs. */
interface Watching {
  checks: number;
  gate: Promise<void> | undefined;
}

const KEY = Symbol.for('nestjs-jwks.test.signature-checks');
const shared = globalThis as { [KEY]?: Watching };
const watching = (shared[KEY] ??= startWatching());

/** Counts the signatures that are checked from now on. */
export function countSignatureChecks(): () => number {
  const before = watching.checks;
  return () => watching.checks - before;
}

/** Holds back the results of the thread pool until what this returns is called. */
export function holdSignatureChecks(): () => void {
  let release = () => {};
  watching.gate = new Promise((resolve) => (release = resolve));
  return () => {
    watching.gate = undefined;
    release();
  };
}

function startWatching(): Watching {
  const { verify } = crypto as unknown as { verify: Verify };
  const state: Watching = { checks: 0, gate: undefined };
  const counted: Verify = (...args) => {
    state.checks += 1;
    const done = args[4] as Verify | undefined;
    if (!done || !state.gate) return verify(...args);
    const { gate } = state;
    return verify(...args.slice(0, 4), (...result: unknown[]) => void gate.then(() => done(...result)));
  };
  Object.assign(crypto, { verify: counted });
  syncBuiltinESMExports();
  return state;
}
