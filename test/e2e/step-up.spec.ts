import { Controller, Get, UseGuards, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Authenticated,
  authenticationOf,
  JwksAuthGuard,
  JwksModule,
  JwksService,
  StepUpRequiredError,
  type Authentication,
  type AuthenticatedOptions,
  type JwksEvent,
} from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

const MFA = 'urn:example:mfa';
const REQUIRED = { acrValues: [MFA, 'phr'], maxAge: '5m' } as const;

@Controller('payments')
class PaymentsController {
  @Get('guarded')
  @Authenticated({ stepUp: REQUIRED })
  guarded() {
    return {};
  }

  @Get('strong')
  @Authenticated({ stepUp: { acrValues: [MFA] } })
  strong() {
    return {};
  }

  @Get('optional')
  @Authenticated({ optional: true, stepUp: REQUIRED })
  optional() {
    return {};
  }

  @Get('handler')
  @Authenticated()
  async handler() {
    throw new StepUpRequiredError(REQUIRED);
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport() {
    throw new StepUpRequiredError({ maxAge: '1h' });
  }
}

let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'payments-api' });
});

afterAll(() => issuer.close());

const CHALLENGE =
  'Bearer error="insufficient_user_authentication", error_description="The login of the user is too old or too weak for this", acr_values="urn:example:mfa phr", max_age="300"';
const now = () => Math.floor(Date.now() / 1000);

describe.each(ADAPTERS)('step-up on %s', (_, makeAdapter) => {
  let api: Api;
  const events: JwksEvent[] = [];

  beforeAll(async () => {
    api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [PaymentsController],
    });
    api.app.get(JwksService).events$.subscribe((event) => events.push(event));
  });

  afterAll(() => api[Symbol.asyncDispose]());

  it('says what is needed, and accepts the token that has it', async () => {
    const weak = await api.call('/payments/guarded', { token: await issuer.sign({ acr: 'pwd', auth_time: now() }) });
    expect([weak.status, weak.headers['www-authenticate'], weak.body]).toMatchObject([
      401,
      CHALLENGE,
      { code: 'step_up_required', statusCode: 401 },
    ]);
    const strong = await issuer.sign({ acr: 'phr', auth_time: now() });
    expect((await api.call('/payments/guarded', { token: strong })).status).toBe(200);
  });

  it('P23: fails for a token without the claims', async () => {
    const answer = await api.call('/payments/guarded', { token: await issuer.sign({}) });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, CHALLENGE]);
  });

  it('names only what the route asks for', async () => {
    const { headers } = await api.call('/payments/strong', { token: await issuer.sign({}) });
    expect(headers['www-authenticate']).toMatch(/, acr_values="urn:example:mfa"$/);
  });

  it('does not concern anonymous requests of an optional route, and concerns its tokens', async () => {
    expect((await api.call('/payments/optional')).status).toBe(200);
    expect((await api.call('/payments/optional', { token: await issuer.sign({}) })).status).toBe(401);
  });

  it.each([
    ['handler', CHALLENGE],
    ['passport', CHALLENGE.replace('acr_values="urn:example:mfa phr", max_age="300"', 'max_age="3600"')],
  ])('is answered alike where application code asks for it: %s', async (path, challenge) => {
    events.length = 0;
    const answer = await api.call(`/payments/${path}`, { token: await issuer.sign({ acr: 'pwd' }) });
    expect([answer.status, answer.headers['www-authenticate'], answer.body]).toMatchObject([
      401,
      challenge,
      { code: 'step_up_required', statusCode: 401 },
    ]);
    const rejected = events.filter(({ type }) => type === 'token.rejected');
    expect(rejected).toMatchObject([{ code: 'step_up_required', issuer: issuer.url }]);
  });

  it('is answered alike where `validate` throws it, which sees the request', async () => {
    const validate = (_token: unknown, { request }: { request?: unknown }) => {
      const { url } = request as { url: string };
      if (url === '/payments/handler') throw new StepUpRequiredError(REQUIRED);
      return { id: 'alice' };
    };
    await using own = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), validate })],
      controllers: [PaymentsController],
    });
    const token = await issuer.sign({ acr: MFA });
    const answer = await own.call('/payments/handler', { token });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, CHALLENGE]);
    expect((await own.call('/payments/strong', { token })).status).toBe(200);
  });

  it('is answered alike where a guard of the application throws it', async () => {
    class AmountGuard extends JwksAuthGuard {
      protected override authorize(auth: Authentication, options: AuthenticatedOptions, context: ExecutionContext) {
        expect(authenticationOf(context)).toBeUndefined();
        if (auth.token.claims['acr'] !== MFA) throw new StepUpRequiredError({ acrValues: [MFA] });
        return super.authorize(auth, options, context);
      }
    }
    @Controller()
    class TransferController {
      @Get('transfer')
      @UseGuards(AmountGuard)
      transfer() {
        return {};
      }
    }
    await using own = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [TransferController],
    });
    const answer = await own.call('/transfer', { token: await issuer.sign({}) });
    expect([answer.status, answer.headers['www-authenticate']]).toMatchObject([
      401,
      expect.stringMatching(/acr_values/),
    ]);
    expect((await own.call('/transfer', { token: await issuer.sign({ acr: MFA }) })).status).toBe(200);
  });
});

describe('the options of step-up', () => {
  it.each([
    {},
    { acrValues: [] },
    { acrValues: MFA },
    { acrValues: ['a b'] },
    { acrValues: ['a"b'] },
    { acrValues: undefined },
    { maxAge: undefined },
    { maxAge: 0 },
    { maxAge: -1 },
    { maxAge: 300 },
    { maxAge: 'soon' },
    { acrValues: [MFA], maxage: '5m' },
    undefined,
    null,
    MFA,
    [MFA],
  ])('%j is an error when the class is decorated', (stepUp) => {
    expect(() => Authenticated({ stepUp } as never)).toThrow(
      expect.objectContaining({ code: 'configuration_invalid', option: 'stepUp' }),
    );
  });
});
