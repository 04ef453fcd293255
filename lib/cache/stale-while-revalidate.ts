import { wait, withDeadline, type Clock } from '../core/clock.js';
import { JwksConnectionError } from '../core/errors.js';
import type { RefreshCause } from '../core/events.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { FailureBackoff } from './failure-backoff.js';
import type { CurrentJwkSet } from './current-jwk-set.js';
import { stateAt, type JwkSetState } from './lifetime.js';
import type { RunningAttempt, Refresher } from './refresher.js';
import type { SetReporter } from './set-events.js';

/** @internal */
export interface StaleWhileRevalidateSettings {
  /** False: nothing is held, so that every look-up loads. */
  readonly enabled: boolean;
  /** The most that a caller waits, in milliseconds. */
  readonly deadline: number;
  /**
   * Whether a caller that nothing held can answer waits for the next attempt after a failed one.
   * Not where another member can be asked instead.
   */
  readonly waitsForNextAttempt: boolean;
}

/** @internal */
export interface StaleWhileRevalidateParts {
  readonly currentSet: CurrentJwkSet;
  readonly refresher: Refresher;
  readonly backoff: FailureBackoff;
  readonly reporter: SetReporter;
  readonly clock: Clock;
}

/** How long a request waits for a refresh while there is a stale set to serve, in milliseconds. */
const MAX_WAIT_WHILE_STALE = 1_000;

/**
 * The set by its state: served, served and refreshed, waited for, or refused.
 *
 * @internal
 */
export class StaleWhileRevalidate {
  private closed: JwksConnectionError | undefined;
  /** While callers wait for the next attempt. */
  private pause: { readonly next: Promise<JwkSet>; readonly closing: AbortController } | undefined;
  private waiting: { readonly running: RunningAttempt; readonly over: Promise<void> } | undefined;

  constructor(
    private readonly settings: StaleWhileRevalidateSettings,
    private readonly parts: StaleWhileRevalidateParts,
  ) {}

  get state(): JwkSetState {
    return stateAt(this.parts.currentSet.value?.lifetime, this.parts.clock.monotonic());
  }

  /** The set, if its state lets it serve; starts nothing, waits for nothing. */
  get servable(): JwkSet | undefined {
    const { state } = this;
    return this.closed || state === 'expired' ? undefined : this.parts.currentSet.value?.set;
  }

  /** The set, if it serves at once. */
  current(): JwkSet | undefined {
    if (this.closed) return undefined;
    const { value: current } = this.parts.currentSet;
    switch (this.state) {
      case 'fresh':
        return current?.set;
      case 'refresh-due':
        this.refreshInBackground();
        return current?.set;
      case 'stale':
        return this.isWorthWaiting() ? undefined : this.serveStale();
      case 'expired':
      case 'empty':
        return undefined;
    }
  }

  /** The set; waits where its state asks for that. Rejects with a SourceError. */
  async getOrLoad(trigger: RefreshCause, mayWait = this.settings.waitsForNextAttempt): Promise<JwkSet> {
    if (this.closed) throw this.closed;
    return this.current() ?? (this.state === 'stale' ? this.waitForRefresh() : this.loadOrExpire(trigger, mayWait));
  }

  /**
   * What once served ends with the first caller that gets nothing: a quiet process must not raise
   * an alarm that its first load ends.
   */
  private async loadOrExpire(trigger: RefreshCause, mayWait: boolean): Promise<JwkSet> {
    try {
      return await this.load(trigger, mayWait);
    } catch (error) {
      if (this.state === 'expired' && !this.closed) this.parts.reporter.expired();
      throw error;
    }
  }

  /** One attempt that asks the source, whatever is held or stored and however lately it failed. */
  async reload(): Promise<JwkSet> {
    const { refresher } = this.parts;
    while (refresher.running && !refresher.running.reload) await refresher.running.settled;
    if (this.closed) throw this.closed;
    return refresher.start({ trigger: 'requested', reload: true, satisfies: () => false }).result;
  }

  close(): JwksConnectionError {
    this.closed ??= new JwksConnectionError('The key set is closed', { retryable: false, failsOver: false });
    this.pause?.closing.abort(this.closed);
    return this.closed;
  }

  private refreshInBackground(): void {
    const { backoff, refresher } = this.parts;
    if (refresher.running) return;
    if (backoff.timeLeft > 0) this.reportBackoff('refresh-due');
    else refresher.start({ trigger: 'refresh-due', reload: false });
  }

  /** A refresh that failed recently, or takes long, keeps no request waiting. */
  private isWorthWaiting(): boolean {
    const { backoff, clock, refresher } = this.parts;
    const { running } = refresher;
    if (running) return clock.monotonic() - running.startedAt < MAX_WAIT_WHILE_STALE;
    if (backoff.timeLeft === 0) return true;
    this.reportBackoff('stale');
    return false;
  }

  private async waitForRefresh(): Promise<JwkSet> {
    await this.waitFor(this.parts.refresher.start({ trigger: 'stale', reload: false }));
    if (this.closed) throw this.closed;
    const set = this.state === 'stale' ? this.serveStale() : this.current();
    // It has waited for an attempt: where that ended the set, it waits for no second one.
    return set ?? this.loadOrExpire('stale', false);
  }

  /** One timer for all who wait, gone when the flight has landed. */
  private waitFor(running: RunningAttempt): Promise<void> {
    if (this.waiting?.running === running) return this.waiting.over;
    const { clock } = this.parts;
    const over = new Promise<void>((resolve) => {
      const cancel = clock.timer(running.startedAt + MAX_WAIT_WHILE_STALE - clock.monotonic(), resolve);
      void running.settled.then(() => {
        cancel();
        resolve();
      });
    });
    this.waiting = { running, over };
    return over;
  }

  private serveStale(): JwkSet | undefined {
    const { clock, currentSet, reporter } = this.parts;
    if (currentSet.value) reporter.servedStale(currentSet.value.lifetime.staleUntil - clock.monotonic());
    return currentSet.value?.set;
  }

  private async load(trigger: RefreshCause, mayWait: boolean): Promise<JwkSet> {
    const { backoff, refresher } = this.parts;
    const { enabled } = this.settings;
    if (enabled && !refresher.running && backoff.timeLeftIfNeeded > 0) {
      if (mayWait && this.isNextWorthWaiting()) return this.loadNext(trigger);
      this.reportBackoff(trigger, backoff.timeLeftIfNeeded);
      throw backoff.toError();
    }
    const running = refresher.start({ trigger, reload: !enabled });
    await running.looked;
    if (!this.servable) await running.settled;
    // What another process stored may serve, even where it has to be refreshed, or came late: a
    // restart during an outage.
    return this.servable ? this.getOrLoad(trigger) : running.result;
  }

  /** With less than half of its time left, an attempt is worth no wait. */
  private isNextWorthWaiting(): boolean {
    const { backoff } = this.parts;
    return !backoff.isOfLimit && backoff.timeLeftIfNeeded <= this.settings.deadline / 2;
  }

  /**
   * The outcome of the next attempt, once it may start: one timer for all who come before. It is
   * never far away, and may succeed: rejecting them at once would reject good tokens for as long
   * after the recovery.
   */
  private loadNext(trigger: RefreshCause): Promise<JwkSet> {
    if (this.pause) return this.pause.next;
    const { backoff, clock } = this.parts;
    const closing = new AbortController();
    const limit = { clock, delay: this.settings.deadline, parent: closing.signal, reason: () => backoff.toError() };
    const next = withDeadline(limit, async (signal) => {
      await this.endOfPause(signal).finally(() => (this.pause = undefined));
      return this.servable ? this.getOrLoad(trigger, false) : this.load(trigger, false);
    });
    this.pause = { next, closing };
    return next;
  }

  /**
   * When the next attempt may start, or a set has come without one: what a store answers late, or a
   * requested attempt brings. Timers may run out a little early, and such an attempt may fail.
   */
  private async endOfPause(signal: AbortSignal): Promise<void> {
    const { backoff, clock, currentSet } = this.parts;
    const arrival = new AbortController();
    currentSet.onAccepted = () => arrival.abort();
    const either = AbortSignal.any([signal, arrival.signal]);
    try {
      while (backoff.timeLeftIfNeeded > 0 && !arrival.signal.aborted)
        await wait(clock, backoff.timeLeftIfNeeded, either).catch(() => signal.throwIfAborted());
    } finally {
      currentSet.onAccepted = undefined;
    }
  }

  private reportBackoff(trigger: RefreshCause, timeLeft = this.parts.backoff.timeLeft): void {
    const { clock, reporter } = this.parts;
    const now = clock.monotonic();
    reporter.skipped(trigger, 'backoff', { now, until: now + timeLeft });
  }
}
