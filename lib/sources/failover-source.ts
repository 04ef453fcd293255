import { withDeadline, type Clock } from '../core/clock.js';
import { InvalidJwkSetError, JwksConnectionError, type SourceError } from '../core/errors.js';
import { documentOf, type JwkSetSource, type LoadRequest, type SourceAnswer } from './jwk-set-source.js';
import { toSourceError } from './source-faults.js';

/** @internal */
export interface FailoverSourceSettings {
  /** Milliseconds that a member gets when there is another one after it. */
  readonly turn: number;
}

/**
 * The first member that has a set. Every load begins with the first member, so it comes back by
 * itself.
 *
 * @internal
 */
export class FailoverSource implements JwkSetSource {
  constructor(
    private readonly members: readonly JwkSetSource[],
    private readonly settings: FailoverSourceSettings,
    private readonly clock: Clock,
  ) {}

  /** Every load begins with the first member. */
  get name(): string | undefined {
    return this.members[0]?.name;
  }

  load(request: LoadRequest): Promise<SourceAnswer> {
    return this.first(request, (member, turn) => member.load(turn));
  }

  fetchDocument(request: LoadRequest): Promise<unknown> {
    return this.first(request, documentOf);
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close?.()));
  }

  private async first<T>(
    request: LoadRequest,
    ask: (member: JwkSetSource, request: LoadRequest) => Promise<T>,
  ): Promise<T> {
    const faults: SourceError[] = [];
    for (const [index, member] of this.members.entries()) {
      try {
        const last = index === this.members.length - 1;
        return last ? await ask(member, request) : await this.inTurn(request, (turn) => ask(member, turn));
      } catch (error) {
        const fault = toSourceError(error);
        faults.push(fault);
        if (!fault.failsOver || request.signal.aborted) break;
      }
    }
    throw combined(faults);
  }

  /** A member that hangs must leave the next one its turn. */
  private inTurn<T>(request: LoadRequest, ask: (request: LoadRequest) => Promise<T>): Promise<T> {
    const { turn } = this.settings;
    const reason = () => new JwksConnectionError(`A key source with others after it timed out after ${turn} ms`);
    return withDeadline({ clock: this.clock, delay: turn, parent: request.signal, reason }, (signal) =>
      ask({ ...request, signal }),
    );
  }
}

/**
 * The first member speaks for all, since every load begins with it: whether a stale set may serve,
 * and when to ask again. A retry may help where it may help with any of them.
 */
function combined(faults: readonly SourceError[]): SourceError {
  const [first, ...others] = faults;
  if (!first) return new JwksConnectionError('There is no key source', { retryable: false });
  if (others.length === 0) return first;
  const Fault = first.code === 'jwks_invalid' ? InvalidJwkSetError : JwksConnectionError;
  return new Fault(`${first.message}; ${others.length} more failed after it`, {
    retryable: faults.some((fault) => fault.retryable),
    failsOver: first.failsOver,
    allowsStale: first.allowsStale,
    retryAfter: first.retryAfter,
    cause: new AggregateError(faults, 'Every key source failed'),
  });
}
