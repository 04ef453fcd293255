import { keyStateAt, type KeyRingKeyState, type RingState } from './ring-state.js';

/**
 * What happens to a key: it is in the ring; it signs; it signs no more, and was revoked or stays
 * published until its tokens have expired. Each process reports what it finds, when it next uses
 * the ring.
 *
 * @publicApi
 */
export interface JwksKeyRingEvent {
  readonly type: 'key.created' | 'key.activated' | 'key.retired';
  readonly kid: string;
}

/** @internal */
export type KeyStates = ReadonlyMap<string, KeyRingKeyState>;

/** @internal */
export function keyStates(state: RingState, now: number): KeyStates {
  return new Map(state.keys.map((key) => [key.kid, keyStateAt(state, key, now)]));
}

/** @internal */
export function changesBetween(before: KeyStates, after: KeyStates): JwksKeyRingEvent[] {
  const events: JwksKeyRingEvent[] = [];
  for (const kid of after.keys()) if (!before.has(kid)) events.push({ type: 'key.created', kid });
  for (const [kid, state] of after) {
    if (state === 'current' && before.get(kid) !== 'current') events.push({ type: 'key.activated', kid });
  }
  for (const [kid, state] of before) {
    const isRetired = (after.get(kid) ?? 'previous') === 'previous';
    if (state !== 'previous' && isRetired) events.push({ type: 'key.retired', kid });
  }
  return events;
}
