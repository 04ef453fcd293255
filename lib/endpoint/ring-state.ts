import type { JWK } from 'jose';

/**
 * `next`: published, does not sign yet. `current`: signs. `previous`: signs no more, published
 * until the last token that it signed has expired.
 *
 * @publicApi
 */
export type KeyRingKeyState = 'next' | 'current' | 'previous';

/** One key of the ring. Times in milliseconds on the wall clock. @internal */
export interface RingKey {
  readonly kid: string;
  /** Private members included, with `kid` and `alg`. */
  readonly jwk: Readonly<JWK>;
  readonly publishedAt: number;
  /** From then on it signs, until the key after it does. */
  readonly activeAt: number;
  /** It signs no more, although no other key took over: the one that did was revoked. */
  readonly retiredAt?: number;
  /**
   * Published at least until then: a process that did not hear of its retirement signed with it.
   */
  readonly keepUntil?: number;
}

/** The ring as processes share it. A value: what it means follows from the time. @internal */
export interface RingState {
  readonly keys: readonly RingKey[];
  /** Kids, so that no process brings them back. */
  readonly revoked: readonly string[];
}

/** In milliseconds. @internal */
export interface RingTimes {
  readonly rotateEvery: number;
  readonly publishAhead: number;
  readonly keepFor: number;
  readonly maxAge: number;
}

const MAX_REVOKED = 200;

/** @internal */
export const EMPTY_RING: RingState = { keys: [], revoked: [] };

/** @internal */
export function currentKey(state: RingState, now: number): RingKey | undefined {
  const usable = state.keys.filter(({ retiredAt = Number.POSITIVE_INFINITY }) => retiredAt > now);
  // None is active where the clock was set back: then the oldest has been published for longest.
  return usable.filter((key) => key.activeAt <= now).at(-1) ?? usable[0];
}

/** @internal */
export function keyStateAt(state: RingState, key: RingKey, now: number): KeyRingKeyState {
  if (key === currentKey(state, now)) return 'current';
  return key.activeAt > now ? 'next' : 'previous';
}

/** When the ring changes by itself; infinite where it does not. @internal */
export function nextChangeAt(state: RingState, times: RingTimes, now: number): number {
  const changes = state.keys.flatMap((key) => [key.activeAt, removalOf(state, key, times)]);
  return Math.min(...[...changes, publicationOfNext(state, times, now)].filter((change) => change > now));
}

/** Whether the ring has to be written: a key is to be published, or one to be removed. @internal */
export function isDue(state: RingState, times: RingTimes, now: number): boolean {
  return needsNext(state, times, now) || state.keys.some((key) => removalOf(state, key, times) <= now);
}

/** Whether it is time to publish the key after the current one. @internal */
export function needsNext(state: RingState, times: RingTimes, now: number): boolean {
  return publicationOfNext(state, times, now) <= now;
}

/**
 * Adds the key after the current one, which signs when the rotation is due and it has been
 * published for a `maxAge`.
 *
 * @internal
 */
export function withNext(state: RingState, key: NewKey, times: RingTimes, now: number): RingState {
  const current = currentKey(state, now);
  const activeAt = current ? Math.max(current.activeAt + times.rotateEvery, now + times.maxAge) : now;
  return withKey(state, { ...key, publishedAt: now, activeAt });
}

/** @internal */
export type NewKey = Pick<RingKey, 'kid' | 'jwk'>;

/** Without the keys that no token needs any more. @internal */
export function withoutExpired(state: RingState, times: RingTimes, now: number): RingState {
  const keys = state.keys.filter((key) => removalOf(state, key, times) > now);
  return keys.length === state.keys.length ? state : { ...state, keys };
}

/**
 * The next key, if there is one, signs as soon as it has been published for a `maxAge`.
 *
 * @internal
 */
export function withEarlyRotation(state: RingState, times: RingTimes, now: number): RingState {
  const next = nextKey(state, now);
  if (!next) return state;
  const activeAt = Math.min(next.activeAt, Math.max(now, next.publishedAt + times.maxAge));
  return withKey(state, { ...next, activeAt });
}

/**
 * Without a key at once; where it was the current one, the next one signs, which has to be there.
 *
 * @internal
 */
export function withRevoked(state: RingState, kid: string, now: number): RingState {
  const isCurrent = currentKey(state, now)?.kid === kid;
  const next = nextKey(state, now);
  // Their retirement is read from the key after them, which may be the one that goes.
  const keys = state.keys.map((key, index) => {
    const retiredAt = key.retiredAt ?? state.keys[index + 1]?.activeAt;
    return keyStateAt(state, key, now) === 'previous' && retiredAt !== undefined ? { ...key, retiredAt } : key;
  });
  const rest = {
    keys: keys.filter((key) => key.kid !== kid),
    revoked: [...state.revoked, kid].slice(-MAX_REVOKED),
  };
  return isCurrent && next ? withKey(rest, { ...next, activeAt: now }) : rest;
}

/** @internal */
export function nextKey(state: RingState, now: number): RingKey | undefined {
  return state.keys.find((key) => keyStateAt(state, key, now) === 'next');
}

/**
 * What the store holds, and the keys that this process knows besides. A store that was lost, or
 * that came back as it was some time ago, gets back the keys that have been in use since, and
 * brings back none that was revoked. A process that was cut off from the others gets the key
 * published again that it signed with meanwhile.
 *
 * @internal
 */
export function merged(stored: RingState, known: RingState, now: number): RingState {
  const revoked = union(stored.revoked, known.revoked);
  const missing = known.keys.filter((key) => !stored.keys.some(({ kid }) => kid === key.kid));
  const keys = [...stored.keys, ...missing].filter(({ kid }) => !revoked.includes(kid));
  const state: RingState = { keys: sorted(keys), revoked };
  const signed = currentKey(known, now);
  const isRetiredNow = (key: RingKey) =>
    key === signed && missing.includes(key) && keyStateAt(state, key, now) === 'previous';
  return { ...state, keys: state.keys.map((key) => (isRetiredNow(key) ? { ...key, retiredAt: now } : key)) };
}

/** Keys that signed here after their retirement stay until those tokens have expired. @internal */
export function withKeysInUse(
  state: RingState,
  lastExpiryOf: ReadonlyMap<string, number>,
  times: RingTimes,
  now: number,
): RingState {
  const keys = state.keys.map((key) => {
    const keepUntil = lastExpiryOf.get(key.kid) ?? 0;
    const isTooShort = keyStateAt(state, key, now) === 'previous' && keepUntil > removalOf(state, key, times);
    return isTooShort ? { ...key, keepUntil } : key;
  });
  return keys.every((key, index) => key === state.keys[index]) ? state : { ...state, keys };
}

/** Infinite for a key that still signs, or will. */
function removalOf(state: RingState, key: RingKey, { keepFor }: RingTimes): number {
  const retiredAt = key.retiredAt ?? state.keys[state.keys.indexOf(key) + 1]?.activeAt ?? Number.POSITIVE_INFINITY;
  return Math.max(retiredAt + keepFor, key.keepUntil ?? 0);
}

/** Infinite where there is a next key already. */
function publicationOfNext(state: RingState, { rotateEvery, publishAhead }: RingTimes, now: number): number {
  const current = currentKey(state, now);
  if (!current) return now;
  return nextKey(state, now) ? Number.POSITIVE_INFINITY : current.activeAt + rotateEvery - publishAhead;
}

/** In place of the one of the same kid. */
function withKey(state: RingState, key: RingKey): RingState {
  return { ...state, keys: sorted([...state.keys.filter(({ kid }) => kid !== key.kid), key]) };
}

function sorted(keys: readonly RingKey[]): RingKey[] {
  return [...keys].sort((a, b) => a.activeAt - b.activeAt || a.publishedAt - b.publishedAt || (a.kid < b.kid ? -1 : 1));
}

/** Stops growing at its bound: processes that disagree on what is too old would write for ever. */
function union(kids: readonly string[], others: readonly string[]): string[] {
  return [...kids, ...others.filter((kid) => !kids.includes(kid))].slice(0, Math.max(MAX_REVOKED, kids.length));
}
