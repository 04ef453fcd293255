import type { StandardSchemaV1 } from '@standard-schema/spec';
import { Catch, Controller, Get, HttpException, UseFilters, UseGuards, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { IsInt, IsString, Min } from 'class-validator';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  Authenticated,
  Claims,
  InvalidClaimError,
  JwksModule,
  JwksService,
  Public,
  type JwksEvent,
} from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

const Order = z.object({ sub: z.string(), tenant: z.string().min(2), level: z.coerce.number().default(1) });
type Order = z.infer<typeof Order>;

const Slow = Order.refine(async ({ tenant }) => Promise.resolve(tenant !== 'closed'));
const Roles = z.array(z.string()).min(1);

const schemaOf = (validate: StandardSchemaV1['~standard']['validate']): StandardSchemaV1 => ({
  '~standard': { version: 1, vendor: 'test', validate },
});
const broken = schemaOf(() => {
  throw new TypeError('a bug of the schema');
});
const brokenLater = schemaOf(() => Promise.reject(new TypeError('a bug of the schema')));
/** As ArkType has it: a function that is a schema. */
const callable = Object.assign(
  () => undefined,
  schemaOf((value) => ({ value: { seen: Object.keys(value as object).length > 0 } })),
);

class OrderClaims {
  @IsString()
  tenant!: string;

  @IsInt()
  @Min(1)
  level!: number;

  get label(): string {
    return `${this.tenant}/${this.level}`;
  }
}

class Shout {
  transform(value: Order): string {
    return value.tenant.toUpperCase();
  }
}

const causes: unknown[] = [];

@Catch(HttpException)
class CauseKeeper extends BaseExceptionFilter {
  override catch(exception: HttpException, host: ArgumentsHost): void {
    causes.push(exception.cause);
    super.catch(exception, host);
  }
}

@Controller()
@Authenticated()
@UseFilters(CauseKeeper)
class OrdersController {
  @Get('zod')
  zod(@Claims(Order) claims: Order) {
    return claims;
  }

  @Get('async')
  async(@Claims(Slow) claims: Order) {
    return claims;
  }

  @Get('one')
  one(@Claims('realm_access.roles', Roles) roles: string[]) {
    return { roles };
  }

  @Get('piped')
  piped(@Claims(Order, Shout) tenant: string) {
    return { tenant };
  }

  @Get('class')
  class(@Claims(OrderClaims) claims: OrderClaims) {
    return { label: claims.label };
  }

  @Get('callable')
  callable(@Claims(callable) claims: { seen: boolean }) {
    return claims;
  }

  @Get('broken')
  broken(@Claims(broken) _: unknown) {
    return {};
  }

  @Get('broken-later')
  brokenLater(@Claims(brokenLater) _: unknown) {
    return {};
  }

  @Get('optional')
  @Authenticated({ optional: true })
  optional(@Claims(Order) claims: Order | undefined) {
    return { claims: claims ?? null };
  }

  @Get('public')
  @Public()
  public(@Claims(Order) claims: Order | undefined) {
    return { claims: claims ?? null };
  }
}

@Controller('passport')
@UseGuards(AuthGuard('jwks'))
class PassportController {
  @Get()
  zod(@Claims(Order) claims: Order) {
    return claims;
  }
}

const CHALLENGE =
  'Bearer realm="orders", error="invalid_token", error_description="A claim of the access token is missing or not acceptable"';

describe.each(ADAPTERS)('@Claims with a schema, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;
  let events: JwksEvent[];

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), realm: 'orders' })],
      controllers: [OrdersController, PassportController],
    });
    api.app.get(JwksService).events$.subscribe((event) => events.push(event));
  });
  beforeEach(() => {
    events = [];
    causes.length = 0;
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  const get = async (path: string, claims: Record<string, unknown>) =>
    api.call(path, { token: await issuer.sign({ sub: 'alice', ...claims }) });

  it.each([
    ['/zod', { tenant: 'acme', level: '3' }, { sub: 'alice', tenant: 'acme', level: 3 }],
    ['/async', { tenant: 'acme' }, { sub: 'alice', tenant: 'acme', level: 1 }],
    ['/one', { realm_access: { roles: ['admin'] } }, { roles: ['admin'] }],
    ['/piped', { tenant: 'acme' }, { tenant: 'ACME' }],
    ['/class', { tenant: 'acme', level: 3 }, { label: 'acme/3' }],
    ['/callable', {}, { seen: true }],
    ['/passport', { tenant: 'acme' }, { sub: 'alice', tenant: 'acme', level: 1 }],
  ])('gives what the schema makes of the claims: %s', async (path, claims, body) => {
    await expect(get(path, claims)).resolves.toMatchObject({ status: 200, body });
  });

  it.each([
    ['/zod', { tenant: 'a' }, 'tenant'],
    ['/async', { tenant: 'closed' }, ''],
    ['/one', { realm_access: { roles: [] } }, 'realm_access.roles'],
    ['/one', {}, 'realm_access.roles'],
    ['/piped', {}, 'tenant'],
    ['/class', { tenant: 'acme', level: 0 }, 'level'],
    ['/broken', {}, ''],
    ['/broken-later', {}, ''],
    ['/passport', {}, undefined],
  ])('rejects claims that do not fit with 401 claim_invalid: %s %j', async (path, claims, claim) => {
    const { status, headers, body } = await get(path, claims);
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe(CHALLENGE);
    expect(body).toEqual({
      statusCode: 401,
      message: 'A claim of the access token is missing or not acceptable',
      error: 'Unauthorized',
      code: 'claim_invalid',
    });
    expect(events.map((event) => (event.type === 'token.rejected' ? event.code : event.type))).toEqual([
      'token.verified',
      'claim_invalid',
    ]);
    if (claim === undefined) return;
    expect(causes).toEqual([expect.any(InvalidClaimError)]);
    expect(causes[0]).toMatchObject({ claim });
  });

  it('keeps the error of the schema as the cause and hides it from clients', async () => {
    await get('/zod', { tenant: 'a' });
    expect(causes[0]).toMatchObject({ cause: { issues: [{ path: ['tenant'] }] } });
    await get('/broken', {});
    expect(causes[1]).toMatchObject({ cause: { message: 'a bug of the schema' } });
  });

  it('asks no schema where nothing was verified', async () => {
    const nothing = { status: 200, body: { claims: null } };
    await expect(api.call('/optional')).resolves.toMatchObject(nothing);
    await expect(get('/public', {})).resolves.toMatchObject(nothing);
    await expect(get('/optional', {})).resolves.toMatchObject({ status: 401 });
  });
});
