import { beforeEach, describe, expect, it } from 'vitest';
import { askAgain } from '../../lib/sources/ask-again.js';
import { ManualClock } from '../support/manual-clock.js';
import { watch } from '../cache/harness.js';

interface Asked {
  readonly signal: AbortSignal;
  readonly answer: (text: string) => void;
  readonly fail: (error: Error) => void;
}

describe('a server that is asked again while it is silent', () => {
  let clock: ManualClock;
  let controller: AbortController;
  let asked: Asked[];

  beforeEach(() => {
    clock = new ManualClock();
    controller = new AbortController();
    asked = [];
  });

  const begin = () =>
    watch(
      askAgain(
        { clock, every: 2_000, signal: controller.signal, isUseful: (text: string) => text !== 'useless' },
        (signal) => new Promise((answer, fail) => asked.push({ signal, answer, fail })),
      ),
    );

  it('is asked once where it answers in time', async () => {
    const outcome = begin();
    await clock.pass(1_999);
    asked[0]?.answer('good');
    await clock.pass('1m');
    expect(outcome.value).toBe('good');
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('is asked every two seconds, and its first answer ends the other requests', async () => {
    const outcome = begin();
    await clock.pass(5_000);
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
    asked[1]?.answer('good');
    await clock.pass('1m');
    expect(outcome.value).toBe('good');
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    expect(clock.pending).toBe(0);
  });

  it('is not asked again where it fails at once', async () => {
    const outcome = begin();
    const fault = new Error('refused');
    asked[0]?.fail(fault);
    await clock.pass('1m');
    expect(outcome.error).toBe(fault);
    expect(asked).toHaveLength(1);
  });

  it('may yet answer one request where another failed, or got nothing useful', async () => {
    const outcome = begin();
    await clock.pass(4_000);
    asked[2]?.fail(new Error('reset'));
    asked[1]?.answer('useless');
    await clock.pass(1_000);
    expect(outcome.settled).toBe(false);
    asked[0]?.answer('good');
    await clock.pass(0);
    expect(outcome.value).toBe('good');
  });

  it('is given up with what came last where no answer is useful', async () => {
    const outcome = begin();
    await clock.pass(2_000);
    asked[1]?.fail(new Error('reset'));
    asked[0]?.answer('useless');
    await clock.pass(0);
    expect(outcome.value).toBe('useless');
    expect(clock.pending).toBe(0);
  });

  it('is asked no more once the answer is of no use', async () => {
    const outcome = begin();
    await clock.pass(3_000);
    controller.abort(new Error('over'));
    await clock.pass('1m');
    expect(outcome.error).toMatchObject({ message: 'over' });
    expect(asked.map(({ signal }) => signal.reason)).toEqual([controller.signal.reason, controller.signal.reason]);
    expect(clock.pending).toBe(0);
  });
});
