import { withDeadline, type Clock } from '../core/clock.js';
import { InvalidJwkSetError, isSourceError, JwksConnectionError, type SourceError } from '../core/errors.js';
import type { RefreshCause } from '../core/events.js';
import { SingleFlight } from '../core/single-flight.js';
import { JwkSet } from '../keys/jwk-set.js';
import type { JwkSetSource, SourceAnswer } from '../sources/jwk-set-source.js';
import type { FailureBackoff } from './failure-backoff.js';
import type { StoreCoordinator } from './store-coordinator.js';
import { momentOf, type CachedJwkSet, type CurrentJwkSet } from './current-jwk-set.js';
import { lifetimeOf, type LifetimePolicy } from './lifetime.js';
import type { SetReporter } from './set-events.js';

/** @internal */
export interface RefresherSettings extends LifetimePolicy {
  /** How long one attempt may take, with everything in it, in milliseconds. */
  readonly deadline: number;
}

/** @internal */
export interface RefresherParts {
  readonly source: JwkSetSource;
  readonly currentSet: CurrentJwkSet;
  readonly coordinator: StoreCoordinator | undefined;
  readonly backoff: FailureBackoff;
  readonly reporter: SetReporter;
  readonly clock: Clock;
  readonly random: () => number;
}

/** @internal */
export interface Attempt {
  readonly trigger: RefreshCause;
  /** Something is missing that was published since: a whole answer, past every cache on the way. */
  readonly reload: boolean;
  /** Whether a set from the store will do; without it, a fresh one will. */
  readonly satisfies?: (set: JwkSet) => boolean;
  /** Milliseconds, where the deadline has partly passed. */
  readonly within?: number;
}

/** An attempt under way. @internal */
export interface RunningAttempt {
  /** From 1, in the order of their start. */
  readonly number: number;
  readonly reload: boolean;
  readonly startedAt: number;
  /** Resolves once the store was looked at. */
  readonly looked: Promise<void>;
  readonly result: Promise<JwkSet>;
  /** Whether it brought a set. Never rejects. */
  readonly settled: Promise<boolean>;
}

/** How much later than due a deadline may end an attempt that was not held up, in milliseconds. */
const STANDSTILL = 1_000;

interface AttemptStart {
  readonly number: number;
  readonly startedAt: number;
  readonly onLooked: () => void;
}

/**
 * Makes attempts, one at a time: looks whether another process has stored a newer set, else asks
 * the source; accepts or refuses, stores, tells. Nothing that is held goes before its replacement
 * is accepted.
 *
 * @internal
 */
export class Refresher {
  /** Number of the last flight that was started. */
  started = 0;
  /** Number of the last reload that the source answered. */
  answered = 0;
  private readonly attempts = new SingleFlight<JwkSet>();
  private readonly documents = new SingleFlight<unknown>();
  /** While something is under way: an idle issuer has none, and there may be thousands. */
  private closing: AbortController | undefined;
  private underWay = 0;
  private closedFor: SourceError | undefined;
  private latest: RunningAttempt | undefined;

  constructor(
    private readonly settings: RefresherSettings,
    private readonly parts: RefresherParts,
  ) {}

  /** The attempt under way, if any. */
  get running(): RunningAttempt | undefined {
    return this.attempts.current && this.latest;
  }

  /** Starts an attempt, or joins the one under way. Its failure needs no handling. */
  start(attempt: Attempt): RunningAttempt {
    if (this.running) return this.running;
    this.started += 1;
    const number = this.started;
    const startedAt = this.parts.clock.monotonic();
    let onLooked = () => {};
    const looked = new Promise<void>((resolve) => (onLooked = resolve));
    const result = this.attempts.run(() => this.run(attempt, { number, startedAt, onLooked }));
    const ended = (isGood: boolean) => {
      if (this.latest?.number === number) this.latest = undefined;
      return isGood;
    };
    const settled = result.then(
      () => ended(true),
      () => ended(false),
    );
    this.latest = { number, reload: attempt.reload, startedAt, looked, result, settled };
    return this.latest;
  }

  /** The document as the source has it; holds nothing, counts for nothing. */
  fetchDocument(): Promise<unknown> {
    return this.documents.run(() => this.askForDocument());
  }

  private async askForDocument(): Promise<unknown> {
    const { source } = this.parts;
    try {
      return await this.inTime(this.settings.deadline, async (signal) => {
        const request = { signal, reload: true };
        return source.fetchDocument ? source.fetchDocument(request) : checked(await source.load(request)).set.toJSON();
      });
    } catch (cause) {
      throw toSourceError(cause);
    }
  }

  close(reason: SourceError): void {
    this.closedFor = reason;
    this.closing?.abort(reason);
  }

  private async inTime<T>(delay: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const name = this.parts.source.name ?? 'the JWK Set';
    const reason = () => new JwksConnectionError(`Loading ${name} timed out after ${Math.round(delay)} ms`);
    const closing = (this.closing ??= new AbortController());
    if (this.closedFor) closing.abort(this.closedFor);
    this.underWay += 1;
    try {
      return await withDeadline({ clock: this.parts.clock, delay, parent: closing.signal, reason }, work);
    } finally {
      this.underWay -= 1;
      if (this.underWay === 0) this.closing = undefined;
    }
  }

  private async run(attempt: Attempt, begun: AttemptStart, isRetry = false): Promise<JwkSet> {
    const { clock } = this.parts;
    const delay = attempt.within ?? this.settings.deadline;
    const startedAt = clock.monotonic();
    try {
      return await this.inTime(delay, (signal) => this.attempt(attempt, begun, signal));
    } catch (cause) {
      if (this.closedFor) throw this.closedFor;
      // The process stood still: timers ran out while the source had no chance to answer.
      if (!isRetry && clock.monotonic() - startedAt > delay + STANDSTILL) return await this.run(attempt, begun, true);
      throw this.recordFailure(toSourceError(cause), attempt.trigger, begun.startedAt);
    } finally {
      begun.onLooked();
    }
  }

  private async attempt(attempt: Attempt, begun: AttemptStart, signal: AbortSignal): Promise<JwkSet> {
    const { reload, satisfies } = attempt;
    const { coordinator } = this.parts;
    const stored = await coordinator?.takeFromStore(signal, satisfies);
    begun.onLooked();
    const found = stored ?? (reload ? undefined : await coordinator?.awaitOthers(signal));
    if (found) return found;
    const set = await this.ask(attempt, begun.startedAt, signal);
    if (reload) this.answered = begun.number;
    return set;
  }

  private async ask({ trigger, reload }: Attempt, startedAt: number, signal: AbortSignal): Promise<JwkSet> {
    const { clock, source, currentSet, reporter, backoff, coordinator } = this.parts;
    const began = momentOf(clock);
    const previous = currentSet.value;
    const stamp = currentSet.nextStamp();
    reporter.counters.fetches += 1;
    // An answer that only confirms what is held can't bring the key that a token asks for.
    const conditional = !reload || trigger === 'requested';
    const request = { signal, reload, previous: conditional ? previous : undefined };
    const answer = await reporter.traced(trigger, async () => checked(await source.load(request)));
    // What comes after the end of its flight is dropped: a newer answer may have come since.
    signal.throwIfAborted();
    backoff.succeeded();
    if (!answer.notModified) reporter.answered(answer.set);
    const arrival = { startedAt: began.monotonic, now: clock.monotonic(), jitter: this.parts.random() };
    const lifetime = lifetimeOf(answer.hints, this.settings, arrival);
    const set = currentSet.accept(
      { ...validated(answer, previous), lifetime, stamp, clockOffset: answer.clockOffset },
      'source',
      startedAt,
    );
    void coordinator?.publish();
    return set;
  }

  private recordFailure(fault: SourceError, trigger: RefreshCause, startedAt: number): SourceError {
    const { backoff, clock, coordinator, currentSet, reporter } = this.parts;
    backoff.failed(fault);
    // The provider removed the keys: that is not an outage.
    if (!fault.allowsStale) currentSet.endStaleness();
    void coordinator?.release();
    reporter.failed(fault, { trigger, duration: clock.monotonic() - startedAt, retryIn: backoff.timeLeft });
    return fault;
  }
}

/** A source of the application's own may answer with anything. */
function checked(answer: SourceAnswer): SourceAnswer {
  if (answer?.set instanceof JwkSet) return answer;
  throw new InvalidJwkSetError('The key source answered without a JWK Set');
}

/** A 304 may leave out the validators that it confirms. */
function validated({ set, origin, notModified, etag, lastModified }: SourceAnswer, previous: CachedJwkSet | undefined) {
  const confirmed = notModified ? previous : undefined;
  return { set, origin, etag: etag ?? confirmed?.etag, lastModified: lastModified ?? confirmed?.lastModified };
}

function toSourceError(cause: unknown): SourceError {
  return isSourceError(cause) ? cause : new JwksConnectionError('The key source failed', { cause });
}
