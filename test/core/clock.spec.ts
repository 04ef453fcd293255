import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseDuration, systemClock, wait, withDeadline } from '../../lib/core/clock.js';
import { ManualClock, settle } from '../support/manual-clock.js';

const never = () => new Promise<never>(() => undefined);
const late = () => new Error('too late');

describe('parseDuration', () => {
  it.each([
    [250, 250],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
    ['250', 250],
    ['-5s', -5000],
  ])('reads %j as %d milliseconds', (value, expected) => {
    expect(parseDuration(value)).toBe(expected);
  });

  it.each(['', 'soon', '10 parsecs', null, undefined, {}, [], true, 'x'.repeat(101)])(
    'reads %j as no duration',
    (value) => {
      expect(parseDuration(value)).toBeNaN();
    },
  );
});

describe('the system clock', () => {
  it('calls back once, and not at all when cancelled', async () => {
    const calls: string[] = [];
    const cancel = systemClock.timer(0, () => calls.push('cancelled'));
    cancel();
    await new Promise<void>((resolve) => systemClock.timer(1, () => resolve(void calls.push('kept'))));
    expect(calls).toEqual(['kept']);
  });

  it('lets be read what came before a deadline, where the process was too busy for both', async () => {
    const order: string[] = [];
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[Socket], unknown];
    try {
      client.once('data', () => order.push('answer'));
      const over = new Promise<void>((resolve) => systemClock.timer(5, () => resolve(void order.push('deadline'))));
      peer.write('answer');
      const until = performance.now() + 30;
      while (performance.now() < until);
      await over;
      expect(order).toEqual(['answer', 'deadline']);
    } finally {
      client.destroy();
      server.close();
    }
  });

  it('never goes back', () => {
    const before = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
  });
});

describe('wait', () => {
  it('lasts exactly as long as asked', async () => {
    const clock = new ManualClock();
    let over = false;
    const waiting = wait(clock, 1000).then(() => (over = true));
    await clock.pass(999);
    expect(over).toBe(false);
    await clock.pass(1);
    await waiting;
    expect(over).toBe(true);
  });

  it('ends with the reason of the signal, before or while it waits, and leaves no timer', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const waiting = wait(clock, 1000, controller.signal);
    controller.abort(late());
    await expect(waiting).rejects.toThrow('too late');
    await expect(wait(clock, 1000, controller.signal)).rejects.toThrow('too late');
    expect(clock.pending).toBe(0);
  });
});

describe('withDeadline', () => {
  it('hands on the result and leaves no timer', async () => {
    const clock = new ManualClock();
    await expect(withDeadline({ clock, delay: 1000, reason: late }, async () => 'done')).resolves.toBe('done');
    expect(clock.pending).toBe(0);
  });

  it('settles at the deadline although the work ignores its signal', async () => {
    const clock = new ManualClock();
    const result = withDeadline({ clock, delay: 1000, reason: late }, never);
    result.catch(() => undefined);
    await clock.pass(1000);
    await expect(result).rejects.toThrow('too late');
  });

  it('aborts the signal of the work at the deadline, with the same reason', async () => {
    const clock = new ManualClock();
    let seen: AbortSignal | undefined;
    const result = withDeadline({ clock, delay: 1000, reason: late }, (signal) => ((seen = signal), never()));
    result.catch(() => undefined);
    await clock.pass(999);
    expect(seen?.aborted).toBe(false);
    await clock.pass(1);
    expect(seen?.reason).toEqual(late());
  });

  it('ends with its parent, before and while it runs', async () => {
    const clock = new ManualClock();
    const parent = new AbortController();
    const result = withDeadline({ clock, delay: 1000, parent: parent.signal, reason: late }, never);
    parent.abort(new Error('closed'));
    await expect(result).rejects.toThrow('closed');
    await expect(withDeadline({ clock, delay: 1000, parent: parent.signal, reason: late }, never)).rejects.toThrow(
      'closed',
    );
    expect(clock.pending).toBe(0);
  });

  it('passes a synchronous throw on as a rejection', async () => {
    const broken = () => {
      throw new Error('broken');
    };
    await expect(withDeadline({ clock: new ManualClock(), delay: 1, reason: late }, broken)).rejects.toThrow('broken');
  });

  it('leaves no unhandled rejection when the work fails after the deadline', async () => {
    const clock = new ManualClock();
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    let fail: (error: Error) => void = () => undefined;
    const work = () => new Promise<never>((_, reject) => (fail = reject));
    const result = withDeadline({ clock, delay: 10, reason: late }, work).catch(() => undefined);
    await clock.pass(10);
    await result;
    fail(new Error('afterwards'));
    await settle();
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });
});
