import { decodeJwt, decodeProtectedHeader } from 'jose';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryKeyRingStore, type KeyRingEntry, type KeyRingStore } from '../../lib/endpoint/index.js';
import { ManualClock } from '../support/manual-clock.js';
import { Publishing } from './support/endpoint.js';

const MINUTE = 60_000;
const MAX_AGE = 10 * MINUTE;
const KEEP_FOR = 3 * 60 * MINUTE;
const OPTIONS = { rotateEvery: '6h', publishAhead: '1h', keepFor: '3h' } as const;

type Step =
  | { readonly kind: 'pass'; readonly minutes: number }
  | { readonly kind: 'sleep'; readonly minutes: number }
  | { readonly kind: 'sign' | 'publish' | 'rotate' | 'revoke' | 'restart' | 'cut'; readonly process: number }
  | { readonly kind: 'lose' | 'roll back' };

const processes = fc.integer({ min: 0, max: 2 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 200 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('sleep' as const), minutes: fc.integer({ min: 1, max: 2_000 }) }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('sign' as const, 'sign' as const, 'publish' as const, 'rotate' as const),
      process: processes,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('revoke' as const, 'restart' as const, 'cut' as const),
      process: processes,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('lose' as const, 'roll back' as const) }) },
);

/**
 * Three processes, a store that is cut off, lost and rolled back, and a consumer that believes what
 * caches may believe.
 */
class World {
  readonly clock = new ManualClock();
  private place = memoryKeyRingStore();
  private readonly history: KeyRingEntry[] = [];
  private readonly isCut = [false, false, false];
  private readonly members: Publishing[] = [];
  private readonly revoked = new Set<string>();
  private readonly tokens: { readonly kid: string; readonly expiresAt: number }[] = [];
  /** When each kid was first in a set that anyone could fetch. */
  private readonly publishedAt = new Map<string, number>();
  /** Those that signed at once: the first of a ring, and those in the place of a revoked one. */
  private readonly replacements = new Set<string>();
  private readonly faults: string[] = [];

  static async start(): Promise<World> {
    const world = new World();
    for (let process = 0; process < 3; process += 1) world.members.push(await world.member(process));
    return world;
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'pass':
        await this.clock.pass(step.minutes * MINUTE);
        break;
      case 'sleep':
        this.clock.jump(step.minutes * MINUTE);
        break;
      case 'sign':
        await this.sign(step.process);
        break;
      case 'publish':
        await this.at(step.process).published();
        break;
      case 'rotate':
        await this.at(step.process)
          .ring.rotate()
          .catch(() => undefined);
        break;
      case 'revoke':
        await this.revoke(step.process);
        break;
      case 'restart':
        await this.restart(step.process);
        break;
      case 'cut':
        this.isCut[step.process] = !this.isCut[step.process];
        break;
      case 'lose':
        this.place = memoryKeyRingStore();
        break;
      case 'roll back':
        await this.rollBack();
        break;
    }
  }

  /** All processes reach the store again, and look. */
  async settle(): Promise<void> {
    this.isCut.fill(false);
    for (let round = 0; round < 3; round += 1) {
      await this.clock.pass(6_000);
      for (const member of this.members) await member.get();
    }
  }

  /** What is not as it has to be. */
  async check(): Promise<string[]> {
    const statuses = this.members.map((member) => JSON.stringify(member.ring.status()));
    if (new Set(statuses).size !== 1) this.faults.push('processes disagree');
    if (this.at(0).kids('current').length !== 1) this.faults.push('not one current key');
    const published = await this.at(0).published();
    for (const { kid, expiresAt } of this.tokens) {
      const isGood = expiresAt > this.clock.now() && !this.revoked.has(kid);
      if (isGood && !published.includes(kid)) this.faults.push('the key of a good token is not published');
    }
    for (const kid of this.revoked) if (published.includes(kid)) this.faults.push('a revoked key is published');
    return this.faults;
  }

  private async sign(process: number): Promise<void> {
    const member = this.at(process);
    const token = await member.signer.sign({}, { expiresIn: KEEP_FOR });
    const { kid = '' } = decodeProtectedHeader(token);
    this.tokens.push({ kid, expiresAt: (decodeJwt(token).exp ?? 0) * 1_000 });
    const since = this.publishedAt.get(kid);
    const isReady = since !== undefined && this.clock.now() - since >= MAX_AGE;
    if (!this.replacements.has(kid) && !isReady) this.faults.push('a key signs that was not announced');
  }

  private async revoke(process: number): Promise<void> {
    const { current = '' } = this.at(process);
    const isDone = await this.at(process)
      .ring.revoke(current)
      .then(
        () => true,
        () => false,
      );
    if (!isDone) return;
    this.revoked.add(current);
    for (const kid of this.at(process).kids('current')) this.replacements.add(kid);
  }

  private async rollBack(): Promise<void> {
    const entry = this.history.at(-3);
    const now = await this.place.read();
    if (entry) await this.place.write(entry.value, now?.version);
  }

  /**
   * What it alone knows it has written by then: a store that forgets at the moment when a process
   * ends is beyond help.
   */
  private async restart(process: number): Promise<void> {
    if (this.isCut[process]) return;
    await this.clock.pass(6_000);
    await this.at(process).get();
    this.members[process] = await this.member(process);
  }

  private at(process: number): Publishing {
    const member = this.members[process];
    if (!member) throw new Error('There are three processes');
    return member;
  }

  private async member(process: number): Promise<Publishing> {
    const known = new Set(this.publishedAt.keys());
    const member = await Publishing.start(
      { keys: { ...OPTIONS, store: this.store(process) }, maxAge: MAX_AGE },
      this.clock,
    );
    // The first key of a ring signs at once: there is nothing that consumers could have cached.
    for (const kid of member.kids('current')) if (!known.has(kid)) this.replacements.add(kid);
    return member;
  }

  private store(process: number): KeyRingStore {
    const reach = () => {
      if (this.isCut[process]) throw new Error('The store cannot be reached');
      return this.place;
    };
    return {
      read: async () => reach().read(),
      write: async (value, version) => {
        const isWritten = await reach().write(value, version);
        if (isWritten) this.wrote(value);
        return isWritten;
      },
    };
  }

  private wrote(value: string): void {
    this.history.push({ value, version: '' });
    const { keys } = JSON.parse(value) as { keys: { kid: string }[] };
    for (const { kid } of keys) if (!this.publishedAt.has(kid)) this.publishedAt.set(kid, this.clock.now());
  }
}

describe('the key ring as a model', () => {
  it('loses no key that has signed, brings back none that was revoked, and announces each before it signs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40 }), async (story) => {
        const world = await World.start();
        for (const step of story) await world.run(step);
        await world.settle();
        expect(await world.check()).toEqual([]);
      }),
      { numRuns: 80 },
    );
  });
});
