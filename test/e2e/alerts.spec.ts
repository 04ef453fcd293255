import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TerminusModule } from '@nestjs/terminus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JwksModule } from '../../lib/index.js';
import { INSTRUMENTS } from '../../lib/telemetry/instruments.js';
import { JwksHealthIndicator } from '../../lib/terminus/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { OperationsController } from '../../sample/01-orders-api/src/operations.controller.js';
import { OrdersController } from '../../sample/01-orders-api/src/orders.controller.js';
import { OrdersService } from '../../sample/01-orders-api/src/orders.service.js';
import { HostileStore } from '../support/hostile-store.js';
import { prometheusAvailable, PrometheusServer } from '../support/prometheus-server.js';
import { readText } from '../support/source-files.js';
import { ADAPTERS, Api } from './support/api.js';

const RULES = 'docs/observability/alerts.yml';

describe('the rules and the dashboard in docs/observability', () => {
  it.each([RULES, 'docs/observability/grafana-dashboard.json'])('name metrics that exist: %s', (path) => {
    const known = Object.values(INSTRUMENTS).flatMap(({ prometheusName: name, kind }) =>
      kind === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    );
    const named = readText(path).match(/\b(?:jwks|jwt)_(?:key_set|fetch|lookups|unknown|store|verification)\w*/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect([...new Set(named)].filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** The same rules in a quicker world: hours and minutes are seconds. */
function hurried(rules: string): string {
  return rules
    .replaceAll(/for: \w+/g, 'for: 0s')
    .replaceAll(/\[\d+m\]/g, '[3s]')
    .replace('> 7200', '> 2');
}

describe.skipIf(!prometheusAvailable())('alerts, with a real Prometheus and the sample application', () => {
  let issuer: TestIssuer;
  let api: Api;
  let prometheus: PrometheusServer;
  let token: string;
  let traffic: NodeJS.Timeout;
  const store = new HostileStore();

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    token = await issuer.sign({}, { expiresIn: '1h' });
    const cache = { store, respectHeaders: false, ttl: 1_000, staleIfError: 5_000 };
    api = await Api.start(ADAPTERS[0][1], {
      imports: [
        TerminusModule.forRoot({ logger: false }),
        JwksModule.forRoot({ ...issuer.options(), cache, http: { retries: 0 } }),
      ],
      controllers: [OrdersController, OperationsController],
      providers: [OrdersService, JwksHealthIndicator],
    });
    prometheus = await PrometheusServer.start(`${await api.app.getUrl()}/metrics`, hurried(readText(RULES)));
    traffic = setInterval(() => void api.call('/orders', { token }), 50);
  }, 60_000);

  afterAll(async () => {
    clearInterval(traffic);
    await prometheus?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await issuer.close();
  });

  async function until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await pause(100);
  }

  const isFiring = async (name: string) =>
    (await prometheus.alerts()).some((alert) => alert.name === name && alert.state === 'firing');
  const fires = (name: string) => until(() => isFiring(name));
  const clears = (name: string) => until(async () => !(await isFiring(name)));

  it('passes promtool', () => {
    const path = fileURLToPath(new URL(`../../${RULES}`, import.meta.url));
    expect(spawnSync('promtool', ['check', 'rules', path], { encoding: 'utf8' })).toMatchObject({ status: 0 });
  });

  it('has no alert while all is well', async () => {
    await until(async () => (await prometheus.query('jwks_lookups_total{jwks_result="hit"} > 20')).length > 0);
    expect(await prometheus.alerts()).toEqual([]);
    expect(await api.call('/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('fires for a provider that is down, while a stale set serves and when none does, and clears when it is back', async () => {
    await issuer.down();
    await fires('JwksStaleSetNearItsEnd');
    expect(await api.call('/health')).toMatchObject({ status: 200 });
    await fires('JwksNoSuccessfulFetch');
    await fires('JwksNothingToServe');
    expect(await api.call('/health')).toMatchObject({ status: 503 });
    await clears('JwksStaleSetNearItsEnd');
    await issuer.up();
    await until(async () => (await api.call('/health')).status === 200);
    await clears('JwksNothingToServe');
    await clears('JwksNoSuccessfulFetch');
  }, 120_000);

  it('fires for kids that the provider does not publish, and for rejected tokens', async () => {
    const strange = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        issuer.sign({}, { kid: `strange-${index}`, key: issuer.keys[0]?.privateKey }),
      ),
    );
    const flood = setInterval(() => strange.forEach((each) => void api.call('/orders', { token: each })), 500);
    await fires('JwksUnknownKids');
    await fires('JwtRejected');
    clearInterval(flood);
    await clears('JwksUnknownKids');
    await clears('JwtRejected');
  }, 120_000);

  it('fires for a shared store that fails', async () => {
    store.fails();
    await fires('JwksStoreFailing');
    store.works();
    await clears('JwksStoreFailing');
  }, 120_000);
});
