import { NO_MODULE } from '../../../lib/client/jwks-runtime.js';
import type { ModuleSettings } from '../../../lib/options/resolve-options.js';
import type { JwksError } from '../../../lib/core/errors.js';
import { InvalidSignatureError } from '../../../lib/core/errors.js';
import type { JwksService } from '../../../lib/jwks.service.js';

/** Those that tests change. */
type Settings = Omit<ModuleSettings, 'tokenFrom' | 'realm'> & {
  tokenFrom?: ((request: never) => string | null) | undefined;
  realm?: string | undefined;
};

type Asked = readonly [token: string, options: unknown];

/**
 * The side of `JwksService` that the guard and the strategy see: knows the tokens it was told of,
 * and remembers what it was asked.
 */
export class FakeJwks {
  readonly asked: Asked[] = [];
  readonly reported: string[] = [];
  readonly settings: Settings = { ...NO_MODULE };
  private readonly known = new Map<string, () => unknown>();

  /** From now on `token` has these claims and belongs to this user. */
  trust(token: string, claims: Record<string, unknown> = { sub: token }, user: unknown = { name: token }): this {
    const authentication = authenticationOf(token, claims, user);
    this.known.set(token, async () => authentication);
    return this;
  }

  /** The same, answered at once: what `JwksService` does with a token that was verified before. */
  trustAtOnce(token: string, claims: Record<string, unknown> = { sub: token }): this {
    const authentication = authenticationOf(token, claims, { name: token });
    this.known.set(token, () => authentication);
    return this;
  }

  /** From now on `token` meets this fault. */
  reject(token: string, error: JwksError | Error): this {
    this.known.set(token, () => Promise.reject(error));
    return this;
  }

  authenticate({ token, options }: { token: string; options: unknown }): unknown {
    this.asked.push([token, options]);
    return (this.known.get(token) ?? (() => Promise.reject(new InvalidSignatureError())))();
  }

  now(): number {
    return 0;
  }

  report(error: JwksError): void {
    this.reported.push(error.code);
  }

  asService(): JwksService {
    return this as unknown as JwksService;
  }
}

function authenticationOf(accessToken: string, claims: Record<string, unknown>, user: unknown): unknown {
  return { accessToken, token: { claims, header: { alg: 'ES256' }, issuer: undefined, key: {} }, user };
}
