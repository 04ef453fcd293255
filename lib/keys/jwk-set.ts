import type { JWK } from 'jose';
import { InvalidJwkSetError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { parseJwk } from './jwk.js';
import { SigningKey } from './signing-key.js';

/** An entry of a set that cannot be used. @publicApi */
export interface DroppedKey {
  /**
   * As published, where it is a string of at most 256 characters: make it safe before it meets a
   * log line.
   */
  readonly kid?: string;
  /** Why, in plain English, so that it reads on after "the key"; holds no key material. */
  readonly reason: string;
}

/** What a token's header says about its key. @publicApi */
export interface KeySelector {
  readonly kid?: string | undefined;
  readonly alg: string;
  /** Thumbprints of the key's certificate (RFC 7515 sections 4.1.7 and 4.1.8), read without a `kid`. */
  readonly x5t?: string | undefined;
  readonly 'x5t#S256'?: string | undefined;
}

const MAX_ENTRIES = 1_000;
/** Each forged token without a kid costs as many signature checks as there are candidates. */
const MAX_CANDIDATES = 4;
const REASONS_TOLD = 3;

/**
 * The usable keys of a JWK Set (RFC 7517 section 5), in their order. A value: it never changes.
 *
 * @publicApi
 */
export class JwkSet implements Iterable<SigningKey> {
  /** Number of usable keys: 1 to 1,000. */
  readonly size: number;

  private constructor(
    private readonly keys: readonly SigningKey[],
    /** Entries that cannot be used, each with its reason. */
    readonly dropped: readonly DroppedKey[],
    /** Most kids are those of one key. */
    private readonly byKid: ReadonlyMap<string, SigningKey | readonly SigningKey[]>,
  ) {
    this.size = keys.length;
  }

  /**
   * Parses a whole document: an object with a `keys` array of at most 1,000 entries, at least one
   * of them usable. Unusable entries are dropped one by one; a key that is listed twice is one key.
   *
   * @throws InvalidJwkSetError where it is not such a document; `allowsStale` is false where it is
   * one without a usable key.
   */
  static parse(document: unknown): JwkSet {
    const keys = new Map<string, SigningKey>();
    const dropped: DroppedKey[] = [];
    const entries = entriesOf(document);
    for (const entry of entries) {
      const parsed = parseJwk(entry);
      if (parsed.reason === undefined) addOnce(keys, SigningKey.of(parsed));
      else dropped.push(Object.freeze(parsed));
    }
    // The issuer says so itself, so a set past its freshness must not serve on against its word.
    if (keys.size === 0) throw new InvalidJwkSetError(noUsableKey(dropped), { allowsStale: false });
    return JwkSet.of([...keys.values()], dropped);
  }

  private static of(keys: readonly SigningKey[], dropped: readonly DroppedKey[]): JwkSet {
    const byKid = new Map<string, SigningKey | readonly SigningKey[]>();
    for (const key of keys) {
      if (key.kid === undefined) continue;
      const sameKid = byKid.get(key.kid);
      byKid.set(key.kid, sameKid ? [...listed(sameKid), key] : key);
    }
    const set = new JwkSet(keys, Object.freeze(dropped), byKid);
    Object.freeze(set);
    return set;
  }

  /** The first key of this kid. */
  get(kid: string): SigningKey | undefined {
    const found = this.byKid.get(kid);
    return found && listed(found)[0];
  }

  /**
   * The key that a token with this header was signed with. Several keys may share a kid (RFC 7517
   * section 4.5), or the header have none: then the key is the only one among them that supports
   * the algorithm and whose certificate is the one that the header names. Where there are several,
   * none.
   */
  select(selector: KeySelector): SigningKey | undefined {
    if (selector.kid !== undefined) {
      const found = this.byKid.get(selector.kid);
      if (found instanceof SigningKey) return found.supports(selector.alg) ? found : undefined;
      return found && onlySupporting(found, selector.alg);
    }
    const candidates = this.candidates(selector);
    return candidates.length === 1 ? candidates[0] : undefined;
  }

  /**
   * The keys that may have signed a token with this header. With a kid, one or none. Without, those
   * that support the algorithm, at most four: the ones whose certificate has the thumbprint that the
   * header names, else the ones whose certificate is not known. None where there are more.
   *
   * @internal
   */
  candidates(selector: KeySelector): readonly SigningKey[] {
    if (selector.kid !== undefined) {
      const key = this.select(selector);
      return key ? [key] : [];
    }
    const fitting = this.keys.filter((key) => key.supports(selector.alg));
    const named = namedByThumbprint(fitting, selector);
    return named.length <= MAX_CANDIDATES ? named : [];
  }

  /** The first of {@link JwkSet.candidates}. @internal */
  firstCandidate(selector: KeySelector): SigningKey | undefined {
    return selector.kid === undefined ? this.candidates(selector)[0] : this.select(selector);
  }

  [Symbol.iterator](): IterableIterator<SigningKey> {
    return this.keys.values();
  }

  /** The usable keys as a JWK Set, public members only. The caller may change it. */
  toJSON(): { keys: JWK[] } {
    return { keys: this.keys.map((key) => structuredClone(key.jwk)) };
  }

  /**
   * The same set, in which each key that `previous` has too is the object that `previous` has;
   * `previous` itself where nothing differs: same keys in the same order, same dropped entries (so
   * that a newly published private key is a change that is reported).
   *
   * @internal
   */
  reusing(previous: JwkSet): JwkSet {
    const before = new Map(previous.keys.map((key) => [key.fingerprint, key]));
    const keys = this.keys.map((key) => before.get(key.fingerprint) ?? key);
    const isSame =
      keys.length === previous.size &&
      keys.every((key, index) => key === previous.keys[index]) &&
      JSON.stringify(this.dropped) === JSON.stringify(previous.dropped);
    return isSame ? previous : JwkSet.of(keys, this.dropped);
  }

  /**
   * By kid, or thumbprint where there is none; a kid whose key is another one now is in both. Empty
   * lists: the same keys.
   *
   * @internal
   */
  changesSince(previous: JwkSet): { added: string[]; removed: string[] } {
    return { added: this.idsMissingIn(previous), removed: previous.idsMissingIn(this) };
  }

  private idsMissingIn(other: JwkSet): string[] {
    const others = new Set(other.keys.map(({ fingerprint }) => fingerprint));
    const missing = this.keys.filter((key) => !others.has(key.fingerprint));
    return [...new Set(missing.map((key) => key.displayId))];
  }
}

function listed(keys: SigningKey | readonly SigningKey[]): readonly SigningKey[] {
  return keys instanceof SigningKey ? [keys] : keys;
}

function onlySupporting(candidates: readonly SigningKey[], alg: string): SigningKey | undefined {
  let found: SigningKey | undefined;
  for (const key of candidates) {
    if (!key.supports(alg)) continue;
    if (found !== undefined) return undefined;
    found = key;
  }
  return found;
}

function namedByThumbprint(keys: readonly SigningKey[], selector: KeySelector): readonly SigningKey[] {
  for (const name of ['x5t#S256', 'x5t'] as const) {
    const wanted = selector[name];
    if (wanted === undefined) continue;
    const named = keys.filter(({ jwk }) => jwk[name] === wanted);
    return named.length > 0 ? named : keys.filter(({ jwk }) => jwk[name] === undefined);
  }
  return keys;
}

function addOnce(keys: Map<string, SigningKey>, key: SigningKey): void {
  if (!keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
}

/** RFC 7517 section 5.1: an object with the member "keys", an array. */
function entriesOf(document: unknown): unknown[] {
  if (typeof document !== 'object' || document === null)
    throw new InvalidJwkSetError('The JWK Set is not a JSON object');
  let entries: unknown[] | undefined;
  let length = 0;
  try {
    const keys = Object.hasOwn(document, 'keys') ? (document as { keys: unknown }).keys : undefined;
    length = Array.isArray(keys) ? keys.length : 0;
    if (Array.isArray(keys) && length <= MAX_ENTRIES) entries = Array.from({ length }, (_, index) => keys[index]);
  } catch (cause) {
    throw new InvalidJwkSetError('The JWK Set cannot be read', { cause });
  }
  if (length > MAX_ENTRIES) throw new InvalidJwkSetError(`The JWK Set has ${length} keys, more than ${MAX_ENTRIES}`);
  if (entries === undefined) throw new InvalidJwkSetError(`The JWK Set has no array of "keys"${otherForm(document)}`);
  return entries;
}

/** Firebase and AWS publish the same keys in this form at another URL. */
function otherForm(document: object): string {
  const looksLikePem = Object.values(document).some(
    (value) => typeof value === 'string' && value.startsWith('-----BEGIN '),
  );
  return looksLikePem ? ': it looks like certificates by kid; give the URL of the JWK Set' : '';
}

function noUsableKey(dropped: readonly DroppedKey[]): string {
  if (dropped.length === 0) return 'The JWK Set is empty';
  const reasons = dropped.slice(0, REASONS_TOLD).map(({ kid, reason }) => {
    return `${kid === undefined ? 'a key' : `"${safeText(kid)}"`} ${reason}`;
  });
  const more = dropped.length > REASONS_TOLD ? `; and ${dropped.length - REASONS_TOLD} more` : '';
  return `The JWK Set has no usable key: ${reasons.join('; ')}${more}`;
}
