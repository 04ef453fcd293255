import type { Clock } from '../core/clock.js';
import { andThen, type MaybePromise } from '../core/maybe-promise.js';
import { DpopNonceRequiredError, SenderConstraintUnavailableError } from '../core/sender-errors.js';
import { CLOCK_SPREAD, ClockSteps } from './clock-steps.js';
import { answerWithin } from './answer-within.js';
import { bindingFault } from './confirmation.js';
import { dpopFault } from './dpop-faults.js';
import type { DpopNonces } from './dpop-nonces.js';
import { assertProves, assertRecent, assertSigned, parseDpopProof, replayKeyOf, type DpopProof } from './dpop-proof.js';
import { ProofKeys } from './proof-key.js';
import { MemoryReplayStore, type ReplayStore } from './replay-store.js';
import { normalizeUrl, originOf, pathOf } from './request-url.js';
import type { SenderProof } from './sender-proof.js';

/** The option `dpop`, with every default in place. Times in milliseconds. @internal */
export interface DpopSettings {
  readonly required: boolean;
  /** Without a slash at its end. */
  readonly publicUrl: string | undefined;
  readonly proofMaxAge: number;
  readonly algorithms: readonly string[];
  readonly replay: ReplayStore | undefined;
  readonly nonces: DpopNonces | undefined;
}

/** The token that a proof belongs to. @internal */
export interface ProvenToken {
  readonly accessToken: string;
  /** `cnf.jkt` of it; `undefined`: it is not bound to a key. */
  readonly thumbprint: string | undefined;
  /** In milliseconds. */
  readonly clockTolerance: number;
}

const MAX_TOLERANCE = 5_000;

/**
 * Checks the DPoP proof of a request (RFC 9449 sections 4.3, 7 and 9): parsed, bound to the token,
 * made for this request, signed, recent, and not used before.
 *
 * @internal
 */
export class DpopChecker {
  private readonly keys: ProofKeys;
  private readonly clockSteps: ClockSteps;

  constructor(
    private readonly settings: DpopSettings,
    private readonly clock: Clock,
  ) {
    this.keys = new ProofKeys(settings.algorithms);
    this.clockSteps = new ClockSteps(clock);
  }

  /** Throws, or rejects, where the proof is not acceptable. */
  check(sender: SenderProof, token: ProvenToken): MaybePromise<void> {
    const proof = parseDpopProof(sender.header('dpop'), this.keys);
    if (token.thumbprint === undefined)
      throw bindingFault('The access token is not bound to a key, and was sent as DPoP', SEND_AS_BEARER);
    if (token.thumbprint !== proof.key.thumbprint)
      throw bindingFault('The access token is bound to another key than that of the DPoP proof', OTHER_KEY);
    const { method } = sender;
    assertProves(proof, { method, url: this.urlOf(sender), accessToken: token.accessToken });
    return andThen(assertSigned(proof), () => this.accept(proof, sender, token));
  }

  private accept(proof: DpopProof, sender: SenderProof, token: ProvenToken): MaybePromise<void> {
    const { nonces, proofMaxAge: maxAge, replay } = this.settings;
    const now = this.clock.now();
    const tolerance = Math.min(token.clockTolerance, MAX_TOLERANCE);
    let end: number;
    if (nonces) {
      // The nonce shows when the proof was made: the clock of the client has no say.
      const ending = nonces.endOf(proof.claims.nonce, now);
      const nonce = nonces.current(now);
      if (ending === undefined) throw new DpopNonceRequiredError(nonce);
      if (proof.claims.nonce !== nonce) sender.nextNonce = nonce;
      end = ending;
    } else {
      assertRecent(proof, { now, maxAge, tolerance });
      end = proof.claims.iat * 1000 + maxAge + tolerance;
    }
    this.keys.keep(proof.header, proof.key);
    if (!replay) return undefined;
    if (this.clockSteps.mayHaveForgotten(end)) throw new SenderConstraintUnavailableError(SET_BACK);
    return this.useUp(replay, replayKeyOf(proof), Math.max(0, end - now) + CLOCK_SPREAD);
  }

  private useUp(replay: ReplayStore, key: string, ttl: number): MaybePromise<void> {
    if (replay instanceof MemoryReplayStore) {
      let isNew: boolean;
      try {
        isNew = replay.addNow(key, ttl);
      } catch (cause) {
        throw new SenderConstraintUnavailableError(STORE_FAILED, { cause });
      }
      return assertNew(isNew);
    }
    return answerWithin(this.clock, STORE_FAILED, async () => replay.add(key, ttl)).then(assertNew);
  }

  private urlOf(sender: SenderProof): string {
    const path = pathOf(sender.requestTarget);
    const { publicUrl } = this.settings;
    const url = path === undefined ? undefined : normalizeUrl((publicUrl ?? this.originFor(sender)) + path);
    if (url === undefined) throw dpopFault('url');
    return url;
  }

  private originFor(sender: SenderProof): string {
    const { protocol, authority } = sender.target();
    const origin = authority === undefined ? undefined : originOf(protocol, authority);
    if (origin === undefined) throw dpopFault('host');
    return origin;
  }
}

/** What a store of an application returns may be anything. */
function assertNew(isNew: unknown): void {
  if (isNew === true) return;
  if (isNew === false) throw dpopFault('replayed');
  throw new SenderConstraintUnavailableError(STORE_FAILED, {
    cause: new TypeError('"add" returned something else than true or false'),
  });
}

const STORE_FAILED = 'The replay store for DPoP proofs failed';
const SET_BACK = 'The clock was set back: a DPoP proof of this time may have been used and forgotten';
const SEND_AS_BEARER =
  'have the client send it as "Authorization: Bearer", or request a token that is bound to its key';
const OTHER_KEY = 'a client uses one key for the token request and for its proofs';
