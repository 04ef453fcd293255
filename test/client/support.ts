import { onTestFinished } from 'vitest';
import { JwksClient } from '../../lib/client/jwks-client.js';
import { JwksRuntime } from '../../lib/client/jwks-runtime.js';
import type { JwksError } from '../../lib/core/errors.js';
import type { JwksEvent } from '../../lib/core/events.js';
import { JwksService } from '../../lib/jwks.service.js';
import type { JwksClientOptions, JwksModuleOptions } from '../../lib/options/jwks-options.js';
import { TestIssuer, type TestIssuerOptions } from '../../lib/testing/index.js';
import { ScriptedServer } from '../support/http-server.js';
import type { TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';

/** Each ends with the test that it was made in. */
export async function startIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const issuer = await TestIssuer.start({ audience: 'orders-api', ...options });
  onTestFinished(() => issuer.close());
  return issuer;
}

export async function startServer(...args: Parameters<typeof ScriptedServer.start>): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(...args);
  onTestFinished(() => server.close());
  return server;
}

export function clientOf(options: JwksClientOptions): JwksClient {
  const client = new JwksClient(options);
  onTestFinished(() => client.close());
  return client;
}

/** A client whose time passes only when it is told to. */
export function clientAt(clock: ManualClock, options: JwksClientOptions): JwksClient {
  const runtime = JwksRuntime.ofClient(options, clock);
  onTestFinished(() => runtime.close());
  return new JwksClient(runtime, undefined);
}

export function serviceOf(options: JwksModuleOptions, clock?: ManualClock): JwksService {
  const runtime = JwksRuntime.ofModule(options, clock);
  onTestFinished(() => runtime.close());
  return new JwksService(runtime);
}

export function jwksOf(...keys: TestKey[]): { keys: TestKey['jwk'][] } {
  return { keys: keys.map((key) => key.jwk) };
}

/** What a promise rejects with. */
export async function faultOf(promise: Promise<unknown>): Promise<JwksError & Record<string, unknown>> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (!outcome) throw new Error('nothing was refused');
  return outcome.error as JwksError & Record<string, unknown>;
}

/** Events as they come, without their durations. */
export function listenTo({ events$ }: Pick<JwksService, 'events$'>): JwksEvent[] {
  const events: JwksEvent[] = [];
  const subscription = events$.subscribe((event) => events.push(event));
  onTestFinished(() => subscription.unsubscribe());
  return events;
}
