import type { LoadTracer } from './load-tracer.js';

/** Why a refresh was asked for. @publicApi */
export type RefreshCause =
  'missing' | 'refresh-due' | 'stale' | 'unknown-kid' | 'bad-signature' | 'requested' | 'prefetch';

interface SetEvent {
  /** The issuer, as configured; absent where none is. */
  readonly issuer?: string | undefined;
}

interface TimedEvent extends SetEvent {
  /** Milliseconds that the work took. */
  readonly duration: number;
}

/**
 * Everything that {@link JwksService.events$} tells. Values are strings, numbers and lists of kids;
 * never a token, never key material. Kids come from the identity provider's set or from a token:
 * they are cut to 64 characters and control characters are escaped.
 *
 * @publicApi
 */
export type JwksEvent =
  /** A set was taken from the source or from the shared store. */
  | (TimedEvent & { readonly type: 'set.loaded'; readonly from: 'source' | 'store'; readonly keys: number })
  /** The source answered 304 or with the very keys that are held. */
  | (TimedEvent & { readonly type: 'set.unchanged' })
  /** A new set replaced the one that was held, with other keys. */
  | (SetEvent & {
      readonly type: 'set.rotated';
      readonly added: readonly string[];
      readonly removed: readonly string[];
    })
  /** The source answered with something that is not a usable set; what was held stays. */
  | (TimedEvent & { readonly type: 'set.rejected'; readonly reason: string })
  /** One load, with its retries and failover, failed. */
  | (TimedEvent & {
      readonly type: 'refresh.failed';
      readonly trigger: RefreshCause;
      readonly code: string;
      readonly reason: string;
      /** Milliseconds until the next attempt may start. */
      readonly retryIn: number;
    })
  /** A refresh was asked for and not made. */
  | (SetEvent & {
      readonly type: 'refresh.skipped';
      readonly trigger: RefreshCause;
      readonly reason: 'budget' | 'backoff';
    })
  /** A set past its freshness serves because no source answers. */
  | (SetEvent & {
      readonly type: 'set.stale';
      /** Milliseconds until it stops serving. */
      readonly timeLeft: number;
    })
  /**
   * A set stopped serving: it is past its freshness by more than `cache.staleIfError`. Emitted with
   * the first look-up that gets nothing.
   */
  | (SetEvent & { readonly type: 'set.expired' })
  /** An entry of the set is not usable. */
  | (SetEvent & { readonly type: 'key.dropped'; readonly kid?: string | undefined; readonly reason: string })
  /** The cache-manager store failed, hung or held junk; no request noticed. */
  | (SetEvent & {
      readonly type: 'store.failed';
      readonly operation: 'get' | 'set';
      readonly reason: string;
      /** True where an entry's HMAC is wrong: another party writes to the store. */
      readonly tampered?: boolean;
    })
  | (TimedEvent & { readonly type: 'token.verified' })
  | (TimedEvent & {
      readonly type: 'token.rejected';
      readonly code: string;
      /** Name of the claim, where one is missing or not acceptable. */
      readonly claim?: string | undefined;
      /**
       * For a developer's eyes, with `iss`, `aud`, `typ`, kid and alg as the token names them, made
       * safe; no other claim's value.
       */
      readonly reason: string;
      /** What to do about it. */
      readonly hint?: string | undefined;
      /**
       * True where it is not the token but the configuration, here or at the provider, that is
       * wrong, or a store that fails.
       */
      readonly misconfiguration?: boolean;
    });

/** The names of the events. @publicApi */
export type JwksEventType = JwksEvent['type'];

/** @internal */
export type JwksEventListener = (event: JwksEvent) => void;

interface Listener {
  readonly notify: JwksEventListener;
  readonly wants: (type: JwksEventType) => boolean;
}

/**
 * Hands the events of one module to listeners, each of which names the types that it wants. Guard
 * the building of an event by `wants`, so that it costs nothing without a listener.
 *
 * @internal
 */
export class JwksEvents {
  /** Has loads from a source traced. */
  tracer: LoadTracer | undefined;
  private listeners: readonly Listener[] = [];

  get observed(): boolean {
    return this.listeners.length > 0;
  }

  /** Whether a listener wants events of this type. */
  wants(type: JwksEventType): boolean {
    for (const listener of this.listeners) if (listener.wants(type)) return true;
    return false;
  }

  /** A listener that throws affects neither the others nor the caller. */
  emit(event: JwksEvent): void {
    for (const { notify, wants } of this.listeners) {
      if (!wants(event.type)) continue;
      try {
        notify(event);
      } catch {
        // The listener's error is not the caller's.
      }
    }
  }

  /** Returns the function that ends the subscription. */
  subscribe(notify: JwksEventListener, wants: Listener['wants'] = () => true): () => void {
    const listener = { notify, wants };
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((each) => each !== listener);
    };
  }
}

/** Types of events about key sets. @internal */
export function isSetEvent(type: JwksEventType): boolean {
  return !type.startsWith('token.');
}

const UNSAFE = /[^\x20-\x7e]|["\\]/g;
const MAX_SAFE_LENGTH = 64;

/**
 * Makes text from outside (kid, iss) safe for a log line: control, non-ASCII and quoting characters
 * escaped, cut at 64 characters.
 *
 * @internal
 */
export function safeText(text: string): string {
  const cut = text.length > MAX_SAFE_LENGTH ? `${text.slice(0, MAX_SAFE_LENGTH)}…` : text;
  return cut.replace(UNSAFE, (char) =>
    char === '…' ? '...' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
