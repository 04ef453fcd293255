import { missingUnit, parseDuration } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';
import { describe } from './describe.js';
import { suggest } from './suggest.js';

/** The longest that a timer of Node can run; a longer one fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Options that switch a check on. Written down as `undefined`, the usual fate of a missing
 * environment variable, they would switch it off without a word.
 */
const SECURITY_OPTIONS: ReadonlySet<string> = new Set([
  'algorithms',
  'allowPrivateAddresses',
  'boundTokens',
  'ca',
  'cert',
  'certificate',
  'claims',
  'dpop',
  'integrityKey',
  'key',
  'maxTokenAge',
  'mtls',
  'nonce',
  'profile',
  'proofMaxAge',
  'publicUrl',
  'rejectUnauthorized',
  'replay',
  'required',
  'requiredClaims',
  'secret',
  'tls',
  'tokenType',
  'trustedProxies',
  'validate',
]);

/**
 * The options of one object, each read once and never written to. A check returns the value or
 * the fallback, or throws the JwksConfigurationError that names the option, what it takes and what
 * came. `undefined` counts as absent, but for options that switch a check on. Properties of the
 * object and of its class count, those of `Object.prototype` do not: a polluted one must not open
 * anything.
 *
 * @internal
 */
export class OptionReader {
  private constructor(
    /** What stands before the names of these options: `''`, `cache.`, `issuers[1].`. */
    readonly prefix: string,
    private readonly given: object,
    private readonly values: ReadonlyMap<string, unknown>,
  ) {}

  /** @param decided - names that must not be written down as `undefined` */
  static read(
    given: unknown,
    prefix: string,
    known: readonly string[],
    decided: ReadonlySet<string> = SECURITY_OPTIONS,
  ): OptionReader {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw invalidOption(prefix.replace(/\.$/, ''), 'an object of options', describe(given));
    }
    for (const name of Object.keys(given)) if (!known.includes(name)) throw unknownOption(prefix, name, known);
    const own = known.filter((name) => owns(given, name));
    const reader = new OptionReader(prefix, given, new Map(own.map((name) => [name, (given as Fields)[name]])));
    const undecided = own.find((name) => decided.has(name) && !reader.has(name));
    if (undecided === undefined) return reader;
    throw reader.fault(undecided, 'is undefined (an environment variable that is not set?): set it, or leave it out');
  }

  get(name: string): unknown {
    return this.values.get(name);
  }

  has(name: string): boolean {
    return this.values.get(name) !== undefined;
  }

  /** Whether the check is switched off explicitly. */
  off(name: string): boolean {
    return this.get(name) === false;
  }

  /** Whether the option was written down, even if as `undefined`. */
  mentions(name: string): boolean {
    return this.values.has(name);
  }

  nameOf(name: string): string {
    return this.prefix + name;
  }

  /** The options of an object within these; an absent one is empty. */
  section(name: string, known: readonly string[]): OptionReader {
    return OptionReader.read(this.get(name) ?? (this.has(name) ? null : {}), `${this.nameOf(name)}.`, known);
  }

  /** The same for an object that stands for what was given. */
  child(name: string, given: object, known: readonly string[]): OptionReader {
    return OptionReader.read(given, `${this.nameOf(name)}.`, known);
  }

  /**
   * In milliseconds. `secondsBelow`: other libraries take seconds for the option of that name, so that a
   * smaller number without a unit is one of those.
   */
  duration<T>(
    name: string,
    fallback: T,
    limits: { orZero?: boolean; timer?: boolean; secondsBelow?: number } = {},
  ): number | T {
    const value = this.get(name);
    if (value === undefined) return fallback;
    const unitFault = missingUnit(value, limits.secondsBelow ?? 0);
    if (unitFault) throw this.fault(name, unitFault);
    const milliseconds = parseDuration(value);
    const most = limits.timer ? LONGEST_TIMER : Number.MAX_SAFE_INTEGER;
    if (milliseconds > 0 && milliseconds <= most) return milliseconds;
    if (limits.orZero && milliseconds === 0) return 0;
    const least = limits.orZero ? 'a duration of 0 or more' : 'a duration longer than 0';
    const above = milliseconds > most && Number.isFinite(milliseconds) ? ` (at most ${most} ms)` : '';
    throw this.invalid(name, `${least}, as milliseconds or as text such as '10m'${above}`);
  }

  integer(name: string, fallback: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.get(name);
    if (value === undefined) return fallback;
    const number = Number.isSafeInteger(value) ? (value as number) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw this.invalid(name, `a whole number from ${least}${most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : ''}`);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    throw this.invalid(name, 'true or false');
  }

  /** Text that `pattern` allows; its values are named by `takes`. */
  text<T>(name: string, fallback: T, pattern: RegExp, takes: string): string | T {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.invalid(name, takes);
  }

  /** A function, which will be called as a method of the object that it came in. */
  method<F>(name: string, takes: string): F | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value === 'function') return value.bind(this.given) as F;
    throw this.invalid(name, takes);
  }

  /** A copy of a list whose members all fit. */
  list<T>(name: string, fits: (member: unknown) => member is T, takes: string): T[] | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.invalid(name, takes);
    const members: unknown[] = Array.from(value);
    const misfit = members.findIndex((member) => !fits(member));
    if (misfit === -1) return members as T[];
    throw invalidOption(this.nameOf(name), takes, `${describe(members[misfit])} in it`);
  }

  /** The error to throw. `secret`: the message names only the kind of the value. */
  invalid(name: string, takes: string, secret = false): JwksConfigurationError {
    return invalidOption(this.nameOf(name), takes, describe(this.get(name), secret));
  }

  /** The error of an option that can't work for another reason than its value. */
  fault(name: string, sentence: string, cause?: unknown): JwksConfigurationError {
    const option = this.nameOf(name);
    return new JwksConfigurationError(`Option "${option}" ${sentence}`, option, cause === undefined ? {} : { cause });
  }

  /** Refuses the options of `others` that are given beside `name`. */
  excludes(name: string, others: readonly string[], why: string): void {
    if (!this.has(name)) return;
    const other = others.find((candidate) => this.has(candidate));
    if (other) throw this.fault(other, `can't stand beside "${this.nameOf(name)}": ${why}`);
  }
}

function owns(given: object, name: string): boolean {
  let owner: object | null = given;
  while (owner !== null && (owner === given || Object.getPrototypeOf(owner) !== null)) {
    if (Object.hasOwn(owner, name)) return true;
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return false;
}

function invalidOption(option: string, takes: string, came: string): JwksConfigurationError {
  const subject = option === '' ? 'nestjs-jwks' : `Option "${option}"`;
  return new JwksConfigurationError(`${subject} takes ${takes}, not ${came}`, option === '' ? undefined : option);
}

function unknownOption(prefix: string, name: string, known: readonly string[]): JwksConfigurationError {
  const near = suggest(name, known);
  const beside = name === 'isGlobal' ? 'it goes beside useFactory, not into what that returns' : undefined;
  const hint = beside ?? (near ? `did you mean "${prefix}${near}"?` : `known are ${known.join(', ')}`);
  return new JwksConfigurationError(`There is no option "${prefix}${name}": ${hint}`, prefix + name);
}
