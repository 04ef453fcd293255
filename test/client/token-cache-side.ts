import type { JwksStatus } from '../../lib/client/trusted-issuer.js';
import { JwksRuntime } from '../../lib/client/jwks-runtime.js';
import { InsufficientScopeError } from '../../lib/core/errors.js';
import type { JwksEvent } from '../../lib/core/events.js';
import { JwksService } from '../../lib/jwks.service.js';
import type { JwksVerifyOptions } from '../../lib/options/verify-options.js';
import type { VerifiedToken } from '../../lib/tokens/verified-token.js';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../support/manual-clock.js';
import { countSignatureChecks } from '../support/signature-checks.js';
import { VERIFY_OPTIONS, type Command, type Use } from './token-cache-commands.js';
import { Provider } from './token-cache-issuer.js';
import type { Setting } from './token-cache-settings.js';
import { toldOfAuthentication, toldOfEvents, toldOfFault, toldOfToken, vandalise } from './token-cache-told.js';
import { ISSUERS, timeOf, resolveBearerToken } from './token-cache-tokens.js';

/** Until nothing can go on but by time that passes. */
async function quiet(): Promise<void> {
  for (let idle = 0; idle < 3; idle += 1) await setImmediate();
}

interface Outcome {
  /** In the order in which they were begun. */
  readonly number: number;
  /** The command after which it came. */
  readonly turn: number;
  readonly value?: object;
  readonly fault?: object;
}

/** What somebody outside could have noticed since the last time. */
export interface Observation {
  readonly outcomes: readonly Outcome[];
  status?: readonly JwksStatus[];
  readonly [aspect: string]: unknown;
}

/** An application with all that is around it: nothing is shared with the other side. */
export class Side {
  /** Signatures that were checked. */
  checks = 0;
  private readonly clock = new ManualClock(undefined, quiet);
  private readonly providers: ReadonlyMap<string, Provider>;
  private readonly runtime: JwksRuntime;
  private readonly service: JwksService;
  private readonly remixed: Record<string, unknown> = {};
  private readonly answers: VerifiedToken[] = [];
  private turn = 0;
  private begun = 0;
  private outcomes: Outcome[] = [];
  private asked: unknown[] = [];
  private events: JwksEvent[] = [];

  constructor(
    private readonly setting: Setting,
    tokenCache: object | false | undefined,
  ) {
    this.providers = new Map(ISSUERS.map((issuer) => [issuer, new Provider(this.clock, setting.etags)]));
    this.runtime = this.boot(tokenCache === undefined ? {} : { tokenCache });
    this.service = new JwksService(this.runtime);
    if (setting.listens) this.service.events$.subscribe((event) => this.events.push(event));
  }

  /** Runs one command, and tells everything that somebody outside could have noticed. */
  async run(command: Command): Promise<Observation> {
    const checks = countSignatureChecks();
    this.turn += 1;
    await this.act(command);
    await quiet();
    this.checks += checks();
    return this.observe();
  }

  /** Closes it, and looks whether a token that was good is good for anything now. */
  async close(uses: readonly Use[]): Promise<Observation> {
    await this.runtime.close();
    await this.run({ do: 'verify', uses });
    await this.clock.pass('20s');
    return this.observe();
  }

  private boot(tokenCache: object): JwksRuntime {
    const { trust, rules, validates, keeps, retries } = this.setting;
    const keeping = {
      cache: { staleIfError: '30m', ...(!keeps && { store: false }) },
      http: { retries },
      ...rules,
      ...(validates && { validate: (token: VerifiedToken) => this.validate(token) }),
      ...tokenCache,
    };
    const [one, two] = ISSUERS;
    const [first, second] = [one, two].map((issuer) => this.providers.get(issuer)?.source);
    const listed = [
      { issuer: one, source: first },
      { issuer: two, source: second, audience: ['billing', 'orders-api'], algorithms: ['ES256'] },
    ];
    const audience = 'orders-api';
    switch (trust) {
      case 'one':
      case 'any':
        return JwksRuntime.ofModule(
          { ...keeping, issuer: trust === 'one' && one, source: first, audience },
          this.clock,
        );
      case 'list':
        return JwksRuntime.ofModule({ ...keeping, issuers: listed, audience }, this.clock);
      case 'tenants':
        return JwksRuntime.ofModule({ ...keeping, issuers: (iss: string) => this.resolve(iss), audience }, this.clock);
      case 'client':
        return JwksRuntime.ofClient({ ...keeping, source: first, audience }, this.clock);
    }
  }

  private resolve(issuer: string): object | undefined {
    const provider = this.providers.get(issuer);
    this.asked.push(['resolve', issuer]);
    if (provider?.known === 'broken') throw new Error('the database is down');
    return provider?.known === 'known' ? { issuer, source: provider.source } : undefined;
  }

  /** Says another thing each time; the same on both sides, in whatever order tokens come. */
  private validate(token: VerifiedToken): unknown {
    const { sub = '', exp = 0 } = token.claims;
    this.asked.push(['validate', JSON.stringify(token.claims), token.key.kid]);
    this.answers.push(token);
    vandalise(token);
    switch ((this.turn * 7 + sub.length + exp) % 9) {
      case 0:
        return null;
      case 1:
        throw new Error(`no ${sub} in turn ${this.turn}`);
      case 2:
        return Promise.reject(new InsufficientScopeError(['orders:write']));
      case 3:
      case 4:
        return { name: sub, turn: this.turn };
      case 5:
        return Promise.resolve(token);
      default:
        return undefined;
    }
  }

  private async act(command: Command): Promise<void> {
    switch (command.do) {
      case 'pass':
        return this.clock.pass(command.to);
      case 'jump':
        return this.clock.jump(command.to);
      case 'edge':
        return this.onTheEdge(command);
      case 'publish':
        this.providerOf(command.issuer).publish(command.keys, command.maxAge);
        return command.refresh ? this.watch(this.look('refresh', ISSUERS[command.issuer] as string)) : undefined;
      case 'become':
        return this.providerOf(command.issuer).become(command.mode, command.latency);
      case 'resolve':
        this.providerOf(command.issuer).known = command.as;
        return;
      case 'verify':
        return withInherited(command.inherited, async () => {
          for (const use of command.uses) this.watch(this.verify(use));
          if (command.beside !== undefined) this.watch(this.look('refresh', ISSUERS[command.beside] as string));
          await quiet();
        });
      case 'refresh':
      case 'find':
        return this.watch(this.look(command.do, ISSUERS[command.issuer] as string));
      case 'remix':
        for (const name of Object.keys(this.remixed)) delete this.remixed[name];
        Object.assign(this.remixed, VERIFY_OPTIONS[command.to]?.());
        return;
      case 'mutate':
        return this.answers.forEach(vandalise);
    }
  }

  private async onTheEdge({ use, claim, off, deltas }: Extract<Command, { do: 'edge' }>): Promise<void> {
    const moment = timeOf(this.setting.tokens[use.token] as number, claim) + off;
    for (const delta of deltas) {
      this.clock.jump(moment + delta - this.clock.now());
      this.watch(this.verify(use));
      await quiet();
    }
  }

  private providerOf(index: number): Provider {
    return this.providers.get(ISSUERS[index] as string) as Provider;
  }

  private async verify({ token: index, variant, options: which, client }: Use): Promise<object> {
    const token = resolveBearerToken(this.setting.tokens[index] as number, variant) as string;
    const options = which === undefined ? undefined : this.optionsOf(this.setting.options[which] as number);
    if (client !== undefined) {
      const verified = await this.service.client(client).verify(token, options);
      this.answers.push(verified);
      return toldOfToken(verified);
    }
    const authentication = await this.service.authenticate({ token, options });
    this.answers.push(authentication.token);
    return toldOfAuthentication(authentication);
  }

  private optionsOf(index: number): JwksVerifyOptions {
    const options = VERIFY_OPTIONS[index];
    return (options ? options() : this.remixed) as JwksVerifyOptions;
  }

  private async look(how: 'refresh' | 'find', issuer: string): Promise<object> {
    // A client that named no issuer has one all the same.
    const client = this.service.client(['any', 'client'].includes(this.setting.trust) ? undefined : issuer);
    if (how === 'refresh') return (await client.getJwkSet({ refresh: true })).toJSON();
    return { ...(await client.getSigningKey('a')).jwk };
  }

  /** Its outcome is told when it comes: what waits for a source goes on beside later commands. */
  private watch(outcome: Promise<object>): void {
    const number = (this.begun += 1);
    outcome.then(
      (value) => this.outcomes.push({ number, turn: this.turn, value }),
      (fault: unknown) => this.outcomes.push({ number, turn: this.turn, fault: toldOfFault(fault) }),
    );
  }

  private observe(): Observation {
    const { clock, outcomes, asked, events } = this;
    const requests = ISSUERS.map((issuer) => this.providers.get(issuer)?.newRequests());
    this.outcomes = [];
    this.asked = [];
    this.events = [];
    return {
      outcomes: outcomes.sort((a, b) => a.number - b.number),
      asked: asked.map((each) => JSON.stringify(each)).sort(),
      events: toldOfEvents(events),
      requests,
      status: this.service.status().sort((a, b) => (a.issuer ?? '').localeCompare(b.issuer ?? '')),
      timers: clock.pending,
      now: [clock.now(), clock.monotonic()],
    };
  }
}

/** A library that is loaded somewhere may have changed what every object inherits. */
async function withInherited(name: string | undefined, work: () => Promise<void>): Promise<void> {
  if (name === undefined) return work();
  Object.defineProperty(Object.prototype, name, { value: 'inherited', configurable: true, writable: true });
  try {
    await work();
  } finally {
    Reflect.deleteProperty(Object.prototype, name);
  }
}
