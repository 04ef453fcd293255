import {
  Catch,
  Controller,
  Get,
  UseGuards,
  type ArgumentsHost,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { APP_FILTER } from '@nestjs/core';
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { ClientProxyFactory, MessagePattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
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

describe('StepUpRequiredError', () => {
  it('takes no maxAge that is not a duration, which would be NaN in the challenge', () => {
    expect(() => new StepUpRequiredError({ maxAge: 'soon' as never })).toThrow(TypeError);
    expect(new StepUpRequiredError({ maxAge: '90s' }).maxAge).toBe(90);
  });
});

describe('a filter of the application', () => {
  @Catch(StepUpRequiredError)
  class OwnFilter implements ExceptionFilter {
    catch(error: StepUpRequiredError, host: ArgumentsHost) {
      host.switchToHttp().getResponse<{ status(code: number): { json(body: unknown): unknown } }>().status(418).json({
        own: error.maxAge,
      });
    }
  }

  it.each<[string, Parameters<typeof Api.start>[1], Parameters<typeof Api.start>[2]]>([
    ['as a provider', { providers: [{ provide: APP_FILTER, useClass: OwnFilter }] }, undefined],
    ['by useGlobalFilters', {}, (app) => app.useGlobalFilters(new OwnFilter())],
  ])('is asked before ours: %s', async (_, metadata, prepare) => {
    const imports = [JwksModule.forRoot(issuer.options())];
    await using api = await Api.start(
      ADAPTERS[0][1],
      { ...metadata, imports, controllers: [PaymentsController] },
      prepare,
    );
    const answer = await api.call('/payments/handler', { token: await issuer.sign({}) });
    expect([answer.status, answer.body]).toEqual([418, { own: 300 }]);
  });
});

@Resolver()
class PaymentsResolver {
  @Query(() => String)
  @Authenticated()
  pay(): string {
    throw new StepUpRequiredError({ acrValues: [MFA] });
  }
}

@Controller()
class PaymentMessages {
  @MessagePattern('pay')
  @Authenticated()
  pay() {
    throw new StepUpRequiredError({ acrValues: [MFA] });
  }
}

describe('what a handler throws', () => {
  const EXPRESS = ADAPTERS[0][1];
  const PAYLOAD = { status: 'error', code: 'step_up_required' };

  it('reaches a client of GraphQL with its code', async () => {
    const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      playground: false,
    });
    const imports = [JwksModule.forRoot(issuer.options()), graphql];
    await using api = await Api.start(EXPRESS, { imports, providers: [PaymentsResolver] });
    const response = await fetch(`${await api.app.getUrl()}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await issuer.sign({})}` },
      body: JSON.stringify({ query: '{ pay }' }),
    });
    const { errors } = (await response.json()) as { errors: { extensions: object }[] };
    expect(errors).toMatchObject([{ extensions: { code: 'step_up_required', status: 401 } }]);
    expect(JSON.stringify(errors)).not.toContain('step-up.spec');
  });

  it('reaches a client of a microservice with its code', async () => {
    const options = { host: '127.0.0.1', port: 0 };
    const read = ({ data }: { data?: unknown }) => (data as { token: string }).token;
    await using api = await Api.start(
      EXPRESS,
      {
        imports: [JwksModule.forRoot({ ...issuer.options(), tokenFrom: read })],
        controllers: [PaymentMessages],
      },
      async (app) => {
        app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options }, { inheritAppConfig: true });
        await app.startAllMicroservices();
      },
    );
    const [service] = api.app.getMicroservices();
    const { port } = (service as NonNullable<typeof service>).unwrap<{ address(): { port: number } }>().address();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { ...options, port } });
    try {
      const token = await issuer.sign({});
      await expect(firstValueFrom(client.send('pay', { token }))).rejects.toMatchObject(PAYLOAD);
    } finally {
      client.close();
    }
  });
});
