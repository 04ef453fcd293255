import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ClockSteps } from '../../lib/proof/clock-steps.js';
import { DpopChecker, type DpopSettings } from '../../lib/proof/dpop-checker.js';
import { DpopNonces } from '../../lib/proof/dpop-nonces.js';
import { MemoryReplayStore } from '../../lib/proof/replay-store.js';
import { SenderProof } from '../../lib/proof/sender-proof.js';
import { ManualClock } from '../support/manual-clock.js';
import { ACCESS_TOKEN, newSigner, proofOf, thumbprintOfKey, type ProofSigner, URL_OF_REQUEST } from './support.js';

class Request extends SenderProof {
  readonly method = 'GET';
  readonly requestTarget = new URL(URL_OF_REQUEST).pathname;
  readonly request = {};
  readonly socket = undefined;

  constructor(private readonly dpop: string) {
    super();
  }

  target = () => ({ protocol: 'https', authority: 'api.example.com' });
  header = () => this.dpop;
}

let signer: ProofSigner;
let thumbprint: string;

beforeAll(async () => {
  signer = await newSigner();
  thumbprint = await thumbprintOfKey(signer);
});

function start(nonces?: DpopNonces) {
  const clock = new ManualClock();
  const settings: DpopSettings = {
    required: false,
    publicUrl: 'https://api.example.com',
    proofMaxAge: 60_000,
    algorithms: ['ES256'],
    replay: new MemoryReplayStore(1_000, clock),
    nonces,
  };
  const checker = new DpopChecker(settings, clock);
  const token = { accessToken: ACCESS_TOKEN, thumbprint, clockTolerance: 5_000 };
  return {
    clock,
    proof: () => proofOf(signer, { claims: { iat: clock.now() / 1000, nonce: nonces?.current(clock.now()) } }),
    /** The code of the rejection; `undefined`: it is accepted. */
    send: async (dpop: string) => {
      try {
        await checker.check(new Request(dpop), token);
        return undefined;
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
  };
}

describe('a wall clock that is set back', () => {
  it.each<[string, () => DpopNonces | undefined]>([
    ['by its time', () => undefined],
    ['by its nonce', () => new DpopNonces(['a secret of at least 32 characters'], 60_000)],
  ])('P14: gives no proof another chance that had ended: %s', async (_, nonces) => {
    const { clock, proof, send } = start(nonces());
    const used = await proof();
    expect(await send(used)).toBeUndefined();
    await clock.pass('80s');
    expect(await send(await proof())).toBeUndefined();
    clock.jump(-80_000);
    expect(await send(used)).toBe('sender_constraint_unavailable');
  });

  it('gives none another chance that ends later', async () => {
    const { clock, proof, send } = start();
    const used = await proof();
    expect(await send(used)).toBeUndefined();
    clock.jump(-50_000);
    await clock.pass('45s');
    expect(await send(used)).toBe('dpop_proof_invalid');
    await clock.pass('35s');
    expect(await send(used)).toBe('sender_constraint_unavailable');
  });

  it('rejects new proofs for no longer than it was set back, and none after a small step', async () => {
    const { clock, proof, send } = start();
    expect(await send(await proof())).toBeUndefined();
    clock.jump(-60_000);
    expect(await send(await proof())).toBeUndefined();
    clock.jump(-600_000);
    expect(await send(await proof())).toBe('sender_constraint_unavailable');
    await clock.pass('661s');
    expect(await send(await proof())).toBeUndefined();
  });

  it('says nothing after a clock that was wrong by hours', async () => {
    const { clock, proof, send } = start();
    expect(await send(await proof())).toBeUndefined();
    clock.jump(-9 * 3_600_000);
    expect(await send(await proof())).toBeUndefined();
  });
});

describe('ClockSteps', () => {
  it('P14: misses nothing that a store has forgotten, however the clock is set', () => {
    const move = fc.record({ pass: fc.nat(100_000), jump: fc.integer({ min: -600_000, max: 600_000 }) });
    return fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 2, maxLength: 8 }), async (moves) => {
        const clock = new ManualClock();
        const steps = new ClockSteps(clock);
        const kept: { end: number; until: number }[] = [];
        for (const { pass, jump } of moves) {
          const end = clock.now() + 65_000;
          if (!steps.mayHaveForgotten(end)) kept.push({ end, until: clock.monotonic() + 65_000 + 5_000 });
          clock.jump(jump);
          await clock.stall(pass);
          for (const one of kept) {
            const isValid = clock.now() <= one.end && clock.now() >= one.end - 70_000;
            if (isValid && clock.monotonic() > one.until) expect(steps.mayHaveForgotten(one.end)).toBe(true);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
