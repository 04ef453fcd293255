import { createHmac, timingSafeEqual } from 'node:crypto';

interface Step {
  readonly number: number;
  /** Of the first secret first. */
  readonly nonces: readonly Buffer[];
}

/**
 * Nonces that need no store: an HMAC of a time step, so that all processes that share a secret make
 * and accept the same ones. Those of the current and of the previous step are valid (RFC 9449
 * section 8).
 *
 * @internal
 */
export class DpopNonces {
  private readonly stepLength: number;
  private steps: { readonly current: Step; readonly previous: Step } | undefined;

  /** @param secrets - the first one makes nonces, those of all are accepted */
  constructor(
    private readonly secrets: readonly string[],
    readonly lifetime: number,
  ) {
    this.stepLength = lifetime / 2;
  }

  /** What a client has to use at this time. */
  current(now: number): string {
    return String(this.stepsAt(now).current.nonces[0]);
  }

  /** When a nonce ends, in milliseconds of the wall clock; `undefined`: it is not valid. */
  endOf(nonce: string | undefined, now: number): number | undefined {
    if (nonce === undefined) return undefined;
    const given = Buffer.from(nonce);
    const isOne = (candidate: Buffer) => candidate.length === given.length && timingSafeEqual(candidate, given);
    const { current, previous } = this.stepsAt(now);
    const step = [current, previous].find(({ nonces }) => nonces.some(isOne));
    return step && (step.number + 2) * this.stepLength;
  }

  private stepsAt(now: number): { readonly current: Step; readonly previous: Step } {
    const number = Math.floor(now / this.stepLength);
    if (this.steps?.current.number !== number)
      this.steps = { current: this.stepOf(number), previous: this.stepOf(number - 1) };
    return this.steps;
  }

  private stepOf(number: number): Step {
    const text = `nestjs-jwks DPoP nonce ${this.stepLength} ${number}`;
    // 128 bits: 22 characters in every proof.
    const nonces = this.secrets.map((secret) => createHmac('sha256', secret).update(text).digest().subarray(0, 16));
    return { number, nonces: nonces.map((bytes) => Buffer.from(bytes.toString('base64url'))) };
  }
}
