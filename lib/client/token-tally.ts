/** How many tokens of one issuer were accepted, and rejected by the code of the error. @publicApi */
export interface JwksTokenCounters {
  readonly accepted: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** Rejected tokens that name no trusted issuer, of the module as a whole. */
  readonly untrusted: Readonly<Record<string, number>>;
}

/** Codes of errors are a short list; those that an application makes must not grow without end. */
const MAX_CODES = 50;

/**
 * Counts tokens. A known token is counted without being timed: reading the clock would be a tenth
 * of its cost. One in a group is timed and stands for the others.
 *
 * @internal
 */
export class TokenTally {
  accepted = 0;
  /** Accepted since the last that was timed. */
  untimed = 0;
  /** Milliseconds of the last known token that was timed. */
  duration = 0;
  private codes: Map<string, number> | undefined;

  reject(code: string): void {
    this.codes ??= new Map();
    const key = this.codes.has(code) || this.codes.size < MAX_CODES ? code : 'other';
    this.codes.set(key, (this.codes.get(key) ?? 0) + 1);
  }

  get rejected(): Record<string, number> {
    return Object.fromEntries(this.codes ?? []);
  }
}
