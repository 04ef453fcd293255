import { ForbiddenException, HttpException, Injectable, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { beforeEach, describe, expect, it } from 'vitest';
import { JwksStrategy } from '../../../lib/auth/passport/jwks.strategy.js';
import { attachedOf } from '../../../lib/auth/invocation.js';
import {
  InvalidClaimError,
  JwksConnectionError,
  TokenExpiredError,
  TokenRefusedError,
  type TokenError,
} from '../../../lib/core/errors.js';
import { settle } from '../../support/manual-clock.js';
import { bearer, contextOf, httpRequest } from '../support/contexts.js';
import { FakeJwks } from '../support/fake-jwks.js';

type Told = [action: string, ...args: unknown[]];

/** Runs the strategy as Passport does: on an object that inherits from it. */
async function run(jwks: FakeJwks, request: unknown, actions: Record<string, unknown> = {}): Promise<Told[]> {
  const told: Told[] = [];
  const strategy = Object.create(new JwksStrategy(jwks.asService())) as JwksStrategy;
  for (const action of ['success', 'fail', 'error']) {
    Object.assign(strategy, { [action]: (...args: unknown[]) => told.push([action, ...args]) });
  }
  Object.assign(strategy, actions);
  strategy.authenticate(request);
  await settle();
  return told;
}

describe('JwksStrategy', () => {
  it('succeeds with the user, and with the token as the info', async () => {
    const request = httpRequest(bearer('good'));
    const told = await run(new FakeJwks().trust('good', { sub: 'alice' }, { id: 7 }), request);
    expect(told).toEqual([['success', { id: 7 }, expect.objectContaining({ claims: { sub: 'alice' } })]]);
    expect(request).toMatchObject({ auth: { claims: { sub: 'alice' } } });
    expect(attachedOf(contextOf('http', [request]))?.authentication).toMatchObject({ accessToken: 'good' });
  });

  it('fails for a fault of the token, so that the next strategy has its turn', async () => {
    const error = new TokenExpiredError();
    expect(await run(new FakeJwks().reject('old', error), httpRequest(bearer('old')))).toEqual([['fail', error, 401]]);
    const jwks = new FakeJwks();
    expect(await run(jwks, httpRequest({}))).toEqual([
      ['fail', expect.objectContaining({ code: 'token_missing' }), 401],
    ]);
    expect(await run(jwks, httpRequest(bearer('a b')))).toEqual([
      ['fail', expect.objectContaining({ code: 'invalid_request' }), 400],
    ]);
    expect(jwks.reported).toEqual(['token_missing', 'invalid_request']);
  });

  it('ends with an error while keys are unavailable', async () => {
    const jwks = new FakeJwks().reject('any', new JwksConnectionError('down'));
    const [told] = await run(jwks, httpRequest(bearer('any')));
    expect(told?.[0]).toBe('error');
    expect((told?.[1] as HttpException | undefined)?.getStatus()).toBe(503);
  });

  it('ends with what validate threw for the client, and with what is no fault of the token', async () => {
    const chosen = new ForbiddenException('No licence');
    const refused = new FakeJwks().reject('any', new TokenRefusedError(undefined, { cause: chosen }));
    expect(await run(refused, httpRequest(bearer('any')))).toEqual([['error', chosen]]);
    const bug = new TypeError('bug');
    expect(await run(new FakeJwks().reject('any', bug), httpRequest(bearer('any')))).toEqual([['error', bug]]);
  });

  it('ends with what a request throws that cannot be read, and does not count it as a rejected token', async () => {
    const jwks = new FakeJwks();
    const bug = new TypeError('bug');
    const request = {
      get headers(): unknown {
        throw bug;
      },
    };
    expect(await run(jwks, request)).toEqual([['error', bug]]);
    expect(jwks.reported).toEqual([]);
  });

  it('takes the token where `tokenFrom` finds it, and from nowhere else', async () => {
    const jwks = new FakeJwks().trust('good');
    jwks.settings.tokenFrom = ({ headers }: { headers: Record<string, string> }) => headers['x-token'] ?? null;
    expect(await run(jwks, httpRequest({ 'x-token': 'good' }))).toEqual([
      ['success', expect.anything(), expect.anything()],
    ]);
    expect(await run(jwks, httpRequest(bearer('good')))).toEqual([
      ['fail', expect.objectContaining({ code: 'token_missing' }), 401],
    ]);
  });

  it('rejects claims that do not fit later, in the words of the guard, and counts them', async () => {
    const jwks = new FakeJwks().trust('good');
    jwks.settings.realm = 'orders';
    const request = httpRequest(bearer('good'));
    await run(jwks, request);
    const headers: unknown[] = [];
    const context = contextOf('http', [request, { header: (...args: unknown[]) => headers.push(args) }]);
    const fault = new InvalidClaimError('tenant');
    const answer = await attachedOf(context)?.toException?.(fault, context);
    expect(answer).toMatchObject({ status: 401, response: { code: 'claim_invalid' }, cause: fault });
    expect(headers).toEqual([['WWW-Authenticate', expect.stringMatching(/^Bearer realm="orders", error="invalid_to/)]]);
    expect(jwks.reported).toEqual(['claim_invalid']);
    const other = new Error('other');
    await expect(attachedOf(context)?.toException?.(other as TokenError, context)).resolves.toBe(other);
  });

  it('verifies each time: a request may be the handshake of a client that stays', async () => {
    const jwks = new FakeJwks().trust('good');
    const request = httpRequest(bearer('good'));
    await run(jwks, request);
    await run(jwks, request);
    expect(jwks.asked).toHaveLength(2);
  });

  it('lets nothing escape that Passport throws at it', async () => {
    const escaped: unknown[] = [];
    const note = (fault: unknown) => escaped.push(fault);
    process.on('unhandledRejection', note);
    const thrown = new Error('boom');
    const boom = () => {
      throw thrown;
    };
    const jwks = new FakeJwks().trust('good');
    expect(await run(jwks, httpRequest(bearer('good')), { success: boom })).toEqual([['error', thrown]]);
    expect(await run(jwks, httpRequest({}), { fail: boom })).toEqual([['error', thrown]]);
    expect(await run(jwks, httpRequest({}), { fail: boom, error: boom })).toEqual([]);
    for (const request of [undefined, null, 'text', {}, { headers: null }]) {
      expect(await run(jwks, request)).toEqual([['fail', expect.objectContaining({ code: 'token_missing' }), 401]]);
    }
    process.off('unhandledRejection', note);
    expect(escaped).toEqual([]);
  });
});

describe("AuthGuard('jwks')", () => {
  const jwks = new FakeJwks();
  beforeEach(() => new JwksStrategy(jwks.asService()).onModuleInit());
  const headers: unknown[] = [];
  beforeEach(() => headers.splice(0));
  const http = (sent: Record<string, unknown>) =>
    contextOf('http', [httpRequest(sent), { header: (...args: unknown[]) => headers.push(args) }]);

  it('leaves the answer to validate where that throws one, without a challenge', async () => {
    const chosen = new ForbiddenException('No licence');
    jwks.reject('any', new TokenRefusedError(undefined, { cause: chosen }));
    await expect(new (AuthGuard('jwks'))().canActivate(http(bearer('any')))).rejects.toBe(chosen);
    expect(headers).toEqual([]);
  });

  it('says why also where it is the default strategy', async () => {
    const guard = new (AuthGuard())({ defaultStrategy: 'jwks' });
    await expect(guard.canActivate(http({}))).rejects.toMatchObject({ response: { code: 'token_missing' } });
    expect(headers).toEqual([['WWW-Authenticate', 'Bearer']]);
  });
});

describe("AuthGuard('jwks') beyond HTTP", () => {
  @Injectable()
  class GraphqlGuard extends AuthGuard('jwks') {
    override getRequest(context: ExecutionContext): unknown {
      return context.getArgByIndex<{ req: unknown }>(2).req;
    }
  }

  const jwks = new FakeJwks().trust('good', { sub: 'alice' }, { id: 7 });
  beforeEach(() => new JwksStrategy(jwks.asService()).onModuleInit());
  const fieldOf = (request: unknown) => contextOf('graphql', [{}, {}, { req: request }, {}]);

  it('accepts a good token where a subclass finds the request', async () => {
    const request = httpRequest(bearer('good'));
    await expect(new GraphqlGuard().canActivate(fieldOf(request))).resolves.toBe(true);
    expect(request).toMatchObject({ user: { id: 7 }, auth: { claims: { sub: 'alice' } } });
  });

  it('rejects with the answer of the guard, and sets no header where no response is', async () => {
    const decision = new GraphqlGuard().canActivate(fieldOf(httpRequest({})));
    await expect(decision).rejects.toMatchObject({
      response: { code: 'token_missing' },
      cause: { code: 'token_missing' },
    });
  });
});
