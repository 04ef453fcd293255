import { InvalidJwkSetError, JwksConnectionError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { LoadRequest, SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import type { ManualClock } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import type { Mode } from './token-cache-commands.js';
import { jwkOf, type KeyName } from './token-cache-tokens.js';

/** An identity provider that publishes what it is told to, for one side alone. */
export class Provider {
  readonly source: ScriptedSource;
  /** What a resolver function knows of it. */
  known: 'known' | 'unknown' | 'broken' = 'known';
  mode: Mode = 'up';
  private keys: readonly KeyName[] = ['a1', 'b1', 'e1'];
  private maxAge: number | undefined;
  private told = 0;

  constructor(
    clock: ManualClock,
    private readonly etags: boolean,
  ) {
    this.source = new ScriptedSource(clock);
    this.source.answers((request) => this.answer(request));
  }

  publish(keys: readonly KeyName[], maxAge: number | undefined): void {
    this.keys = keys;
    this.maxAge = maxAge;
  }

  become(mode: Mode, latency: number): void {
    this.mode = mode;
    this.source.latency = latency;
  }

  /** What it was asked since the last time. */
  newRequests(): object[] {
    const { requests, times } = this.source;
    const from = this.told;
    this.told = requests.length;
    return requests.slice(from).map(({ reload, previous }, index) => {
      return { at: times[from + index], reload, previous: previous?.set.toJSON(), etag: previous?.etag };
    });
  }

  private async answer({ previous }: LoadRequest): Promise<SourceAnswer> {
    const { mode, maxAge } = this;
    if (mode === 'hangs') await new Promise(() => undefined);
    if (mode === 'down') throw new JwksConnectionError('connect ECONNREFUSED');
    if (mode === 'garbage') throw new InvalidJwkSetError('The answer is not JSON');
    const keys = mode === 'empty' ? [] : this.keys;
    const hints = maxAge === undefined ? {} : { hints: { maxAge } };
    const etag = this.etags ? { etag: keys.join() } : {};
    const isConfirmed = previous?.etag !== undefined && previous.etag === etag.etag;
    const set = isConfirmed ? previous.set : JwkSet.parse({ keys: keys.map(jwkOf) });
    return { set, origin: 'provider', ...etag, ...hints, notModified: isConfirmed };
  }
}
