import type { MaybePromise } from '../core/maybe-promise.js';

/** How a token was sent (RFC 6750, RFC 9449). @internal */
export type TokenScheme = 'Bearer' | 'DPoP';

/** What the sender of a bound token has proved; `'gateway'`: that the gateway in front has checked it. @internal */
export type SenderConstrained = 'dpop' | 'mtls' | 'gateway';

/** Where a request went, as the framework says. @internal */
export interface RequestTarget {
  readonly protocol: string;
  /** Host and port; `undefined` where the request names none, or two. */
  readonly authority: string | undefined;
}

interface Outcome {
  readonly asked: object;
  readonly accessToken: string;
  readonly result: MaybePromise<SenderConstrained | undefined>;
}

/**
 * What an HTTP request brings by which the sender of a bound token proves that it may use it. There
 * is one for each request: its proof is checked once, however many guards ask.
 *
 * @internal
 */
export abstract class SenderProof {
  /** The nonce for the next proof, where the one that was used is about to end. */
  nextNonce: string | undefined;
  private outcomes: readonly Outcome[] = [];
  private reported: unknown;

  abstract readonly method: string;
  /** The request target as the client sent it, with the path that routers and mounts may take away. */
  abstract readonly requestTarget: string;
  /** For functions of the application. */
  abstract readonly request: unknown;
  abstract readonly socket: unknown;
  abstract target(): RequestTarget;
  /** The value of a header; several of one name are joined with a comma, or a list. */
  abstract header(name: string): unknown;

  /** Whether this very rejection was reported before, as by another field of a GraphQL query. */
  isReported(rejection: unknown): boolean {
    const isKnown = this.reported === rejection;
    this.reported = rejection;
    return isKnown;
  }

  /** What `check` returned or threw the first time that `asked` wanted to know about this token. */
  once(
    asked: object,
    accessToken: string,
    check: () => MaybePromise<SenderConstrained | undefined>,
  ): MaybePromise<SenderConstrained | undefined> {
    const known = this.outcomes.find((outcome) => outcome.asked === asked && outcome.accessToken === accessToken);
    if (known) return known.result;
    let result: Outcome['result'];
    try {
      result = check();
    } catch (error) {
      const failed = Promise.reject(error);
      failed.catch(() => undefined);
      result = failed;
    }
    this.outcomes = [...this.outcomes, { asked, accessToken, result }];
    return result;
  }
}
