import type { DynamicModule } from '@nestjs/common';
import type { JWK } from 'jose';
import { parseDuration, systemClock, type Duration } from '../core/clock.js';
import { makeCertificate, type TestCertificate } from './certificate.js';
import { TestDpopKey, type TestDpopKeyOptions } from './dpop-key.js';
import { issuerPage } from './issuer-pages.js';
import { IssuerServer, problem, type RecordedRequest, type Reply } from './issuer-server.js';
import { KeyRing, type RotateOptions, type TestSigningKey } from './key-ring.js';
import { completeClaims, confirmation, signToken, type SignOptions, type TestClaims } from './sign-token.js';
import type { OverrideOptions } from './overridden-options.js';
import type { TestIssuerOptions } from './test-issuer-options.js';
import { testIssuerModule } from './test-issuer.module.js';

/**
 * A real identity provider on loopback, as far as tests of an API need one: discovery (OpenID Connect and RFC 8414), a JWK Set with ETag,
 * tokens signed with its keys, key rotation, and outages.
 *
 * ```ts
 * const issuer = await TestIssuer.start({ audience: 'orders-api' });
 * const token = await issuer.sign({ sub: 'alice', scope: 'orders:read' });
 * await issuer.rotate();
 * await issuer.down();
 * await issuer.close();
 * ```
 *
 * @publicApi
 */
export class TestIssuer implements AsyncDisposable {
  /** `Cache-Control` of the JWK Set from now on; `undefined`: no such header. */
  cacheControl: string | undefined;
  private readonly ring = new KeyRing();
  private readonly server: IssuerServer;

  private constructor(private readonly settings: TestIssuerOptions) {
    this.cacheControl = settings.cacheControl;
    this.server = new IssuerServer({ port: settings.port ?? 0, now: () => this.now() }, (path) => this.page(path));
  }

  /** Makes the keys and listens. */
  static async start(options: TestIssuerOptions = {}): Promise<TestIssuer> {
    const { alg = 'ES256', issuerPath = '' } = options;
    if (issuerPath !== '' && !issuerPath.startsWith('/'))
      throw new TypeError('issuerPath takes a path that starts with a slash');
    const issuer = new TestIssuer({ ...options });
    await issuer.ring.fill(typeof alg === 'string' ? [alg] : alg);
    await issuer.server.listen();
    return issuer;
  }

  /** The exact `iss`. */
  get issuer(): string {
    return `${this.url}${this.settings.issuerPath ?? ''}`;
  }

  /** The origin of the server: the issuer itself, unless `issuerPath` was given. */
  get url(): string {
    return this.server.origin;
  }

  get jwksUri(): string {
    return `${this.issuer.replace(/\/$/, '')}/jwks`;
  }

  get audience(): string | undefined {
    return this.settings.audience;
  }

  /** What `JwksModule.forRoot` and `new JwksClient` need in order to trust this issuer. */
  options(): { issuer: string; audience: string | false } {
    return { issuer: this.issuer, audience: this.audience ?? false };
  }

  /**
   * A module that puts this issuer in the place of the application's own, for tests that hold the
   * issuer themselves: `imports: [AppModule, issuer.override()]`. See `provideTestIssuer`.
   */
  override(options: OverrideOptions = {}): DynamicModule {
    return testIssuerModule({ provide: TestIssuer, useFactory: () => this }, options);
  }

  /** The published keys with their private halves, oldest first. */
  get keys(): readonly TestSigningKey[] {
    return this.ring.published;
  }

  /** The kids of the published keys, oldest first. */
  get kids(): readonly string[] {
    return this.keys.map((key) => key.kid);
  }

  /** The JWK Set as published. */
  get jwks(): { keys: JWK[] } {
    return { keys: this.keys.map((key) => ({ ...key.jwk })) };
  }

  /**
   * A signed token. By default: `iss`, `sub: 'test-user'`, `aud` (where the issuer has an
   * audience), `iat` now, `exp` in 5 minutes, and the issuer's current key. A key of another `alg`
   * is made and published with the first token that asks for it.
   */
  async sign(claims: TestClaims = {}, options: SignOptions = {}): Promise<string> {
    const { issuer, audience } = this;
    const own = await this.ring.select(options.key ? {} : options);
    const defaults = {
      iss: issuer,
      sub: 'test-user',
      ...(audience && { aud: audience }),
      iat: Math.floor(this.now() / 1000),
      ...confirmation(options),
    };
    return signToken(completeClaims(defaults, claims, options.expiresIn), {
      alg: options.alg ?? own.alg,
      kid: options.kid ?? own.kid,
      key: options.key ?? own.privateKey,
      header: options.header,
    });
  }

  /** The key of a client that binds its tokens (DPoP): for `sign(claims, { dpop: key })`. */
  createDpopKey(options: TestDpopKeyOptions = {}): Promise<TestDpopKey> {
    return TestDpopKey.create(options, () => this.now());
  }

  /**
   * A self-signed certificate for `sign(claims, { certificate })`, and for the options `cert`, `key`
   * and `ca` of TLS clients, and of servers on loopback. It is valid for a day, by the clock of this
   * issuer.
   */
  createCertificate(): Promise<TestCertificate> {
    return makeCertificate(this.now());
  }

  /** Publishes a new key and signs with it from now on. Returns its kid. */
  async rotate(options: RotateOptions = {}): Promise<string> {
    return (await this.ring.rotate(options)).kid;
  }

  /**
   * Takes a key out of the JWK Set; the newest that is left signs. `sign(claims, { kid })` still
   * signs with the revoked one.
   */
  revoke(kid: string): void {
    this.ring.revoke(kid);
  }

  /** Puts a revoked key back into the JWK Set. */
  publish(kid: string): void {
    this.ring.publish(kid);
  }

  /**
   * Rejects connections, and resets those that are open, until {@link TestIssuer.up} or another
   * mode.
   */
  down(): Promise<void> {
    return this.server.shut();
  }

  /**
   * Delays every answer; its content is that of the moment it was asked for. Milliseconds, or text
   * as `ms` reads it.
   */
  async slow(delay: Duration): Promise<void> {
    const milliseconds = parseDuration(delay);
    if (!(milliseconds >= 0)) throw new TypeError(`slow takes milliseconds or text such as '2s', not ${String(delay)}`);
    await this.server.behave({ kind: 'slow', delay: milliseconds });
  }

  /** Answers 200 with this body to everything: text goes out as HTML, anything else as JSON. */
  async garbage(body: unknown = '<!doctype html><title>Down for maintenance</title>'): Promise<void> {
    const [type, text] = typeof body === 'string' ? ['text/html', body] : ['application/json', JSON.stringify(body)];
    await this.server.behave({ kind: 'fixed', reply: { status: 200, headers: { 'content-type': type }, body: text } });
  }

  /** Answers every request with this status; `headers` such as `{ 'retry-after': '5' }`. */
  async status(code: number, headers: Record<string, string> = {}): Promise<void> {
    await this.server.behave({ kind: 'fixed', reply: problem(code, headers) });
  }

  /**
   * Ends {@link TestIssuer.down}, `slow`, `garbage` and `status`, on the same port as before;
   * answers that were held back go out.
   */
  async up(): Promise<void> {
    await this.server.behave({ kind: 'up' });
  }

  /** The requests that the server received, oldest first. Rejected connections leave no trace. */
  get requests(): readonly RecordedRequest[] {
    return this.server.requests;
  }

  /** How often the JWK Set was asked for. */
  get jwksRequests(): number {
    const { pathname } = new URL(this.jwksUri);
    return this.requests.filter(({ path }) => path.split('?')[0] === pathname).length;
  }

  /** Forgets the requests so far. */
  clearRequests(): void {
    this.server.requests.length = 0;
  }

  /** Ends the server and its connections. */
  close(): Promise<void> {
    return this.server.shut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private now(): number {
    return (this.settings.now ?? systemClock.now)();
  }

  private page(path: string): Reply | undefined {
    const { issuer, jwksUri, jwks, cacheControl } = this;
    return issuerPage(path, { issuer, jwksUri, jwks, cacheControl });
  }
}
