import { Observable } from 'rxjs';
import type { JwksEvent, JwksEvents } from '../core/events.js';
import { TokenRejectedEvent } from './token-rejected-event.js';

/**
 * The events as an Observable, which listens only while it has subscribers.
 *
 * @internal
 */
export function eventStream(events: JwksEvents): Observable<JwksEvent> {
  return new Observable((subscriber) =>
    events.subscribe((event) => subscriber.next(event instanceof TokenRejectedEvent ? event.toPlain() : event)),
  );
}
