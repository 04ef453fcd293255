import assert from 'node:assert/strict';
import type { KeyRingStore } from '../endpoint/key-ring-store.js';

/**
 * Checks that a store keeps what a key ring relies on. `open` gives one more handle on the same place, as another process
 * would have it; the place is empty before and holds an entry of the test afterwards. Rejects with an `AssertionError` that
 * names the rule. Runs under any test runner:
 *
 * ```ts
 * it('keeps key rings', () => assertKeyRingStore(() => new PostgresKeyRingStore(pool, 'test')));
 * ```
 *
 * @publicApi
 */
export async function assertKeyRingStore(open: () => KeyRingStore | Promise<KeyRingStore>): Promise<void> {
  const [store, other] = [await open(), await open()];
  assert.equal(await store.read(), undefined, 'read() of an empty store resolves to undefined');
  assert.equal(await store.write('x', 'some version'), false, 'write() with a version does not create an entry');
  assert.equal(await store.read(), undefined, 'a write that failed leaves an empty store empty');
  const first = await replaces(store, other, undefined);
  await refusesStaleVersions(store, first);
  const second = await replaces(other, store, first);
  await refusesStaleVersions(store, second);
  const back = await replaces(store, other, second);
  assert.equal(await other.write('x', first), false, 'a version is never used again, not even for the same value');
  await letsOneWin(open, back);
}

/** The same value each time: a version must not be made from the value. */
const VALUE = JSON.stringify({ text: 'Grüße, \u2028 \u{1f511}, "quoted" and\nbroken', long: 'k'.repeat(100_000) });

async function replaces(store: KeyRingStore, other: KeyRingStore, version: string | undefined): Promise<string> {
  assert.equal(await store.write(VALUE, version), true, 'write() with the version of the entry resolves to true');
  const entry = await store.read();
  assert.ok(entry, 'read() finds what was written');
  assert.equal(entry.value, VALUE, 'read() gives the value as it was written, to the last character');
  assert.equal(typeof entry.version, 'string', 'a version is text');
  assert.notEqual(entry.version, version, 'each write makes a new version');
  assert.deepEqual(await other.read(), entry, 'another handle reads the same entry');
  assert.deepEqual(await store.read(), entry, 'reading changes nothing');
  return entry.version;
}

async function refusesStaleVersions(store: KeyRingStore, version: string): Promise<void> {
  assert.equal(await store.write('x', undefined), false, 'write() without a version does not replace an entry');
  assert.equal(await store.write('x', `${version}x`), false, 'write() with another version does not replace an entry');
  assert.deepEqual(await store.read(), { value: VALUE, version }, 'a write that failed changes nothing');
}

async function letsOneWin(open: () => KeyRingStore | Promise<KeyRingStore>, version: string): Promise<void> {
  const stores = await Promise.all(Array.from({ length: 16 }, () => open()));
  const written = await Promise.all(stores.map((store, index) => store.write(`value ${index}`, version)));
  assert.equal(written.filter(Boolean).length, 1, 'of several writes with the same version exactly one succeeds');
  const entry = await stores[0]?.read();
  assert.equal(entry?.value, `value ${written.indexOf(true)}`, 'the value is that of the write that succeeded');
}
