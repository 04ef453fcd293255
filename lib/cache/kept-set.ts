import type { Clock } from '../core/clock.js';
import { JwksConnectionError } from '../core/errors.js';
import type { RefreshCause } from '../core/events.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { FailureBackoff } from './failure-backoff.js';
import type { SetHolder } from './held-set.js';
import { stateAt, type SetState } from './lifetime.js';
import type { Flight, Refresher } from './refresher.js';
import type { SetEvents } from './set-events.js';

/** @internal */
export interface KeptSetParts {
  readonly holder: SetHolder;
  readonly refresher: Refresher;
  readonly backoff: FailureBackoff;
  readonly told: SetEvents;
  readonly clock: Clock;
}

/** How long a request waits for a refresh while there is a stale set to serve, in milliseconds. */
const PATIENCE = 1_000;

/**
 * The set by its state: served, served and refreshed, waited for, or refused.
 *
 * @internal
 */
export class KeptSet {
  private closed: JwksConnectionError | undefined;
  private patience: { readonly flight: Flight; readonly over: Promise<void> } | undefined;

  constructor(
    /** False: nothing is held, so that every look-up loads. */
    private readonly keep: boolean,
    private readonly parts: KeptSetParts,
  ) {}

  get state(): SetState {
    return stateAt(this.parts.holder.current?.lifetime, this.parts.clock.monotonic());
  }

  /** The set, if its state lets it serve; starts nothing, waits for nothing. */
  get serving(): JwkSet | undefined {
    const { state } = this;
    return this.closed || state === 'expired' ? undefined : this.parts.holder.current?.set;
  }

  /** The set, if it serves at once. */
  held(): JwkSet | undefined {
    if (this.closed) return undefined;
    const { current } = this.parts.holder;
    switch (this.state) {
      case 'fresh':
        return current?.set;
      case 'ageing':
        this.refreshBehind();
        return current?.set;
      case 'stale':
        return this.isWorthWaiting() ? undefined : this.serveStale();
      case 'expired':
      case 'empty':
        return undefined;
    }
  }

  /** The set; waits where its state asks for that. Rejects with a SourceError. */
  async obtain(because: RefreshCause): Promise<JwkSet> {
    if (this.closed) throw this.closed;
    return this.held() ?? (this.state === 'stale' ? this.waitBriefly() : this.load(because));
  }

  /** One attempt that asks the source, whatever is held or stored and however lately it failed. */
  async reload(): Promise<JwkSet> {
    const { refresher } = this.parts;
    while (refresher.flight && !refresher.flight.reload) await refresher.flight.settled;
    if (this.closed) throw this.closed;
    return refresher.start({ because: 'requested', reload: true, satisfies: () => false }).landed;
  }

  close(): JwksConnectionError {
    this.closed ??= new JwksConnectionError('The key set is closed', { retryable: false, failsOver: false });
    return this.closed;
  }

  private refreshBehind(): void {
    const { backoff, refresher } = this.parts;
    if (refresher.flight) return;
    if (backoff.timeLeft > 0) this.tellBackoff('ageing');
    else refresher.start({ because: 'ageing', reload: false });
  }

  /** One that failed lately, or takes long, keeps nobody. */
  private isWorthWaiting(): boolean {
    const { backoff, clock, refresher } = this.parts;
    const { flight } = refresher;
    if (flight) return clock.monotonic() - flight.startedAt < PATIENCE;
    if (backoff.timeLeft === 0) return true;
    this.tellBackoff('stale');
    return false;
  }

  private async waitBriefly(): Promise<JwkSet> {
    await this.patienceFor(this.parts.refresher.start({ because: 'stale', reload: false }));
    const stale = this.state === 'stale' && !this.closed ? this.serveStale() : undefined;
    return stale ?? this.obtain('stale');
  }

  /** One timer for all who wait, gone when the flight has landed. */
  private patienceFor(flight: Flight): Promise<void> {
    if (this.patience?.flight === flight) return this.patience.over;
    const { clock } = this.parts;
    const over = new Promise<void>((resolve) => {
      const cancel = clock.timer(flight.startedAt + PATIENCE - clock.monotonic(), resolve);
      void flight.settled.then(() => {
        cancel();
        resolve();
      });
    });
    this.patience = { flight, over };
    return over;
  }

  private serveStale(): JwkSet | undefined {
    const { clock, holder, told } = this.parts;
    if (holder.current) told.servedStale(holder.current.lifetime.staleUntil - clock.monotonic());
    return holder.current?.set;
  }

  private async load(because: RefreshCause): Promise<JwkSet> {
    const { backoff, refresher } = this.parts;
    if (this.keep && !refresher.flight && backoff.timeLeft > 0) {
      this.tellBackoff(because);
      throw backoff.refusal();
    }
    const flight = refresher.start({ because, reload: !this.keep });
    await flight.looked;
    if (!this.serving) await flight.settled;
    // What another process stored may serve, even where it has to be refreshed, or came late: a restart during an outage.
    return this.serving ? this.obtain(because) : flight.landed;
  }

  private tellBackoff(because: RefreshCause): void {
    const { backoff, clock, told } = this.parts;
    const now = clock.monotonic();
    told.skipped(because, 'backoff', { now, until: now + backoff.timeLeft });
  }
}
