import { Observable, Subscriber, type Observer, type Operator, type Subscription } from 'rxjs';
import { isPromise } from '../core/maybe-promise.js';
import type { JwksEvent } from '../core/events.js';
import type { EventChannels } from './event-channels.js';

/**
 * The events as an Observable, which listens while somebody is subscribed and never before.
 *
 * @internal
 */
export function eventStream(channels: EventChannels): Observable<JwksEvent> {
  return new HarmlessObservable((subscriber) => channels.subscribe((event) => subscriber.next(event)));
}

/**
 * A subscriber that throws harms nobody: rxjs makes it an uncaught exception, which ends the
 * process; here it is a warning of the process, once for each subscription. So is an error that an
 * operator makes and nobody handles, and the rejection of an async subscriber.
 */
class HarmlessObservable<T> extends Observable<T> {
  /** What operators derive is harmless too: at their end subscribers stand. */
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const derived = new HarmlessObservable<R>();
    derived.source = this;
    derived.operator = operator;
    return derived;
  }

  override subscribe(
    given?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // Operators link theirs to the next: it has to stay what it is.
    if (given instanceof Subscriber) return super.subscribe(given);
    const observer: Partial<Observer<T>> =
      typeof given === 'function' || !given
        ? { ...(given && { next: given }), ...(error && { error }), ...(complete && { complete }) }
        : given;
    return super.subscribe(harmless(observer));
  }
}

function harmless<T>(observer: Partial<Observer<T>>): Observer<T> {
  let told = false;
  const tell = (fault: unknown) => {
    if (!told) process.emitWarning(fault instanceof Error ? fault : `${String(fault)} (a subscriber of events$)`);
    told = true;
  };
  const attempt = (act: () => unknown) => {
    try {
      const outcome = act();
      if (isPromise(outcome)) outcome.then(undefined, tell);
    } catch (fault) {
      tell(fault);
    }
  };
  return {
    next: (value) => attempt(() => observer.next?.(value)),
    error: (fault) => attempt(() => (observer.error ? observer.error(fault) : tell(fault))),
    complete: () => attempt(() => observer.complete?.()),
  };
}
