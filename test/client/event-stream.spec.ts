import { filter, firstValueFrom, map, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { eventStream } from '../../lib/client/event-stream.js';
import { JwksEvents, type JwksEvent } from '../../lib/core/events.js';

const event: JwksEvent = { type: 'token.verified', issuer: 'a', duration: 1 };
describe('eventStream', () => {
  it('listens only while it has subscribers', () => {
    const events = new JwksEvents();
    const events$ = eventStream(events);
    expect(events.observed).toBe(false);
    const [first, second] = [events$.subscribe(), events$.subscribe()];
    expect(events.wants('token.verified')).toBe(true);
    first.unsubscribe();
    expect(events.wants('token.verified')).toBe(true);
    second.unsubscribe();
    expect(events.observed).toBe(false);
  });

  it('emits every event, also through operators and promises', async () => {
    const events = new JwksEvents();
    const events$ = eventStream(events);
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
    events.emit(event);
    events.emit({ type: 'set.stale', issuer: 'b', timeLeft: 1 });
    expect(await next).toBe(event);
    expect(seen).toEqual(['token.verified', event, { type: 'set.stale', issuer: 'b', timeLeft: 1 }]);
    subscription.unsubscribe();
    expect(events.observed).toBe(false);
  });
});
