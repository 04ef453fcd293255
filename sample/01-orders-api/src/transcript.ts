import { STATUS_CODES } from 'node:http';

/** One request and what it must be answered with. */
export interface Step {
  readonly title: string;
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
  readonly expect: Expectation;
}

export interface Expectation {
  readonly status: number;
  /** `WWW-Authenticate`; left out: there is no such header. */
  readonly challenge?: RegExp;
  /** Members that the body must have. */
  readonly body: unknown;
}

interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly body: unknown;
}

/**
 * Sends requests, prints each with its answer, and remembers whether every answer was the expected
 * one.
 */
export class Transcript {
  private steps = 0;
  private failures = 0;

  constructor(private readonly origin: string) {}

  get passed(): boolean {
    return this.steps > 0 && this.failures === 0;
  }

  async play(step: Step): Promise<void> {
    this.steps += 1;
    console.log(`\n${this.steps}. ${step.title}\n`);
    console.log(`   $ ${curl(this.origin, step)}`);
    const answer = await send(this.origin, step);
    console.log(`   < ${answer.status} ${STATUS_CODES[answer.status]}`);
    if (answer.challenge) console.log(`   < WWW-Authenticate: ${answer.challenge}`);
    console.log(`   < ${JSON.stringify(answer.body)}`);
    this.judge(step.expect, answer);
  }

  /** Something that is done to the API's world between two steps. */
  announce(sentence: string): void {
    console.log(`\n-- ${sentence} --`);
  }

  /** Something that the API says of itself. */
  note(sentence: string): void {
    console.log(`   * ${sentence}`);
  }

  private judge(expected: Expectation, answer: Answer): void {
    const { status, challenge, body } = expected;
    const challenged = challenge ? challenge.test(answer.challenge ?? '') : answer.challenge === undefined;
    const right = answer.status === status && challenged && contains(answer.body, body);
    if (!right) this.failures += 1;
    console.log(right ? '   ✓' : `   ✗ expected ${status}, ${challenge ?? 'no challenge'}, ${JSON.stringify(body)}`);
  }
}

async function send(origin: string, { method = 'GET', path, token, body }: Step): Promise<Answer> {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  };
  const response = await fetch(origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? undefined,
    body: await response.json(),
  };
}

function curl(origin: string, { path, token, body }: Step): string {
  const parts = ['curl', origin + path];
  if (token) parts.push('-H', `'Authorization: Bearer ${token.slice(0, 8)}…${token.slice(-8)}'`);
  if (body) parts.push('--json', `'${JSON.stringify(body)}'`);
  return parts.join(' ');
}

/** Whether `actual` has every member of `expected`, at any depth. */
function contains(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) return false;
  return Object.entries(expected).every(([name, value]) => contains((actual as Record<string, unknown>)[name], value));
}
