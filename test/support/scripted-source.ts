import type { Clock } from '../../lib/core/clock.js';
import { JwksConnectionError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { FreshnessHints, JwkSetSource, LoadRequest, SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import type { TestKey } from './keys.js';

type Behaviour = (request: LoadRequest) => Promise<SourceAnswer>;

/** A source that follows a script and remembers its requests. */
export class ScriptedSource implements JwkSetSource {
  readonly requests: LoadRequest[] = [];
  /** Monotonic times of the requests. */
  readonly times: number[] = [];
  /** The most loads that ran at the same time; one that was aborted runs no more. */
  mostAtOnce = 0;
  /** Milliseconds that an answer takes. */
  latency = 0;
  etag: string | undefined;
  private readonly running = new Set<LoadRequest>();
  private behaviour: Behaviour = async () => {
    throw new Error('The source has no script yet');
  };
  private gate: Promise<void> | undefined;

  constructor(private readonly clock: Clock) {}

  get loads(): number {
    return this.requests.length;
  }

  /** Publishes these keys from now on. */
  publishes(keys: readonly TestKey[], hints?: FreshnessHints): void {
    this.publishesDocument({ keys: keys.map((key) => key.jwk) }, hints);
  }

  /**
   * Publishes this document from now on; parsed anew at each load, so that keys are other objects
   * each time.
   */
  publishesDocument(document: unknown, hints?: FreshnessHints): void {
    this.answers(async ({ previous }) => {
      const validators = this.etag === undefined ? {} : { etag: this.etag };
      const isConfirmed = previous?.etag !== undefined && previous.etag === this.etag;
      const set = isConfirmed ? previous.set : JwkSet.parse(document);
      return { set, origin: 'scripted', ...validators, ...(hints && { hints }), notModified: isConfirmed };
    });
  }

  /** Fails from now on. */
  fails(fault: unknown = new JwksConnectionError('connect ECONNREFUSED')): void {
    this.answers(async () => {
      throw fault;
    });
  }

  /** Answers no more, and heeds no signal. */
  hangs(): void {
    this.answers(() => new Promise(() => undefined));
  }

  answers(behaviour: Behaviour): void {
    this.behaviour = behaviour;
  }

  /**
   * Holds answers back until the returned function is called; they are those of the moment that
   * they were asked for.
   */
  holdOpen(): () => void {
    let open = () => {};
    this.gate = new Promise((resolve) => (open = resolve));
    return () => {
      this.gate = undefined;
      open();
    };
  }

  async load(request: LoadRequest): Promise<SourceAnswer> {
    this.requests.push(request);
    this.times.push(this.clock.monotonic());
    this.running.add(request);
    this.mostAtOnce = Math.max(this.mostAtOnce, [...this.running].filter(({ signal }) => !signal.aborted).length);
    const { gate } = this;
    const answer = this.behaviour(request);
    answer.catch(() => undefined);
    try {
      await gate;
      if (this.latency > 0) await new Promise<void>((resolve) => void this.clock.timer(this.latency, resolve));
      return await answer;
    } finally {
      this.running.delete(request);
    }
  }
}
