import { filter, firstValueFrom, map, Subject } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EventChannels } from '../../lib/client/event-channels.js';
import { eventStream } from '../../lib/client/event-stream.js';
import type { JwksEvent } from '../../lib/core/events.js';
import { settle } from '../support/manual-clock.js';

const event: JwksEvent = { type: 'token.verified', issuer: 'a', duration: 1 };
const boom = new Error('boom');

/** What the process is warned of, and what would have ended it. */
function watchProcess() {
  const warnings: unknown[] = [];
  const crashes: unknown[] = [];
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(warning));
  const listener = (error: unknown) => crashes.push(error);
  process.on('uncaughtException', listener);
  process.on('unhandledRejection', listener);
  onTestFinished(() => {
    emitWarning.mockRestore();
    process.off('uncaughtException', listener);
    process.off('unhandledRejection', listener);
  });
  return { warnings, crashes };
}

/**
 * Timers of one delay fire in their order: rxjs, which reports what nobody handles by a timer of
 * its own, has had its turn by then.
 */
async function later(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await settle();
}

describe('eventStream', () => {
  it('listens while somebody is subscribed, to all channels, and never before', () => {
    const channels = new EventChannels();
    const { sets, verified, rejected } = channels;
    const observed = () => [sets.observed, verified.observed, rejected.observed];
    const events$ = eventStream(channels);
    expect(observed()).toEqual([false, false, false]);
    const [first, second] = [events$.subscribe(), events$.subscribe()];
    expect(observed()).toEqual([true, true, true]);
    first.unsubscribe();
    expect(observed()).toEqual([true, true, true]);
    second.unsubscribe();
    expect(observed()).toEqual([false, false, false]);
  });

  it('hands on what happens, also through operators and promises', async () => {
    const channels = new EventChannels();
    const events$ = eventStream(channels);
    const seen: unknown[] = [];
    const types = events$.pipe(
      filter(({ issuer }) => issuer === 'a'),
      map(({ type }) => type),
    );
    const subscription = types.subscribe({ next: (type) => seen.push(type) });
    const subject = new Subject<JwksEvent>();
    subject.subscribe((each) => seen.push(each));
    subscription.add(events$.subscribe(subject));
    const next = firstValueFrom(events$);
    channels.verified.emit(event);
    channels.sets.emit({ type: 'set.stale', issuer: 'b', timeLeft: 1 });
    expect(await next).toBe(event);
    expect(seen).toEqual(['token.verified', event, { type: 'set.stale', issuer: 'b', timeLeft: 1 }]);
    subscription.unsubscribe();
    expect(channels.verified.observed).toBe(false);
  });

  it.each<[string, (events$: ReturnType<typeof eventStream>) => unknown]>([
    [
      'a subscriber that throws',
      (events$) =>
        events$.subscribe(() => {
          throw boom;
        }),
    ],
    [
      'an observer that throws',
      (events$) =>
        events$.subscribe({
          next: () => {
            throw boom;
          },
        }),
    ],
    ['an async subscriber that rejects', (events$) => events$.subscribe(() => Promise.reject(boom) as never)],
    [
      'a subscriber behind an operator',
      (events$) =>
        events$.pipe(filter(() => true)).subscribe(() => {
          throw boom;
        }),
    ],
    [
      'an operator that throws, with nobody to hear of it',
      (events$) =>
        events$
          .pipe(
            map(() => {
              throw boom;
            }),
          )
          .subscribe(() => undefined),
    ],
  ])('is not harmed by %s: the others hear, and the process is warned', async (_, subscribe) => {
    const { warnings, crashes } = watchProcess();
    const channels = new EventChannels();
    const events$ = eventStream(channels);
    subscribe(events$);
    const seen: JwksEvent[] = [];
    events$.subscribe((each) => seen.push(each));
    channels.verified.emit(event);
    channels.verified.emit(event);
    await later();
    expect(seen).toEqual([event, event]);
    expect(warnings).toEqual([boom]);
    expect(crashes).toEqual([]);
  });

  it('leaves an error to the observer that takes it', async () => {
    const { warnings } = watchProcess();
    const channels = new EventChannels();
    const errors: unknown[] = [];
    const failing = eventStream(channels).pipe(
      map(() => {
        throw boom;
      }),
    );
    failing.subscribe({ error: (error) => errors.push(error) });
    channels.verified.emit(event);
    expect(errors).toEqual([boom]);
    expect(warnings).toEqual([]);
  });
});
