import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ParseIntPipe } from '@nestjs/common';
import { IsInt, IsString } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkedClaims, claimsCheck, isClaimsSchema } from '../../lib/auth/claims-schema.js';
import { InvalidClaimError, MissingTokenError } from '../../lib/core/errors.js';
import { contextOf } from './support/contexts.js';

const schemaOf = (validate: StandardSchemaV1['~standard']['validate']): StandardSchemaV1 => ({
  '~standard': { version: 1, vendor: 'test', validate },
});
const issue = (path?: StandardPath) => schemaOf(() => ({ issues: [{ message: 'no', ...(path && { path }) }] }));
type StandardPath = Exclude<StandardSchemaV1.Result<unknown>['issues'], undefined>[number]['path'];

class Order {
  @IsString()
  tenant!: string;

  @IsInt()
  level!: number;
}

class StaticPipe {
  static transform(value: unknown): unknown {
    return value;
  }
}

describe('isClaimsSchema', () => {
  it.each<[string, unknown]>([
    ['a schema of zod, which has a method `transform`', z.object({})],
    ['any Standard Schema', schemaOf(() => ({ value: 1 }))],
    [
      'one that is a function',
      Object.assign(
        () => undefined,
        schemaOf(() => ({ value: 1 })),
      ),
    ],
    ['a class', Order],
  ])('takes %s', (_, argument) => {
    expect(isClaimsSchema(argument)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a class of a pipe', ParseIntPipe],
    ['a pipe', new ParseIntPipe()],
    ['a class that is a pipe itself', StaticPipe],
    ['an object', {}],
    ['what is half a Standard Schema', { '~standard': {} }],
    ['text', 'tenant'],
    ['null', null],
    ['nothing', undefined],
  ])('takes %s for none', (_, argument) => {
    expect(isClaimsSchema(argument)).toBe(false);
  });
});

describe('claimsCheck', () => {
  const claims = Object.freeze({ tenant: 'acme', level: 3, nested: Object.freeze({}) });

  it('returns what the schema makes of the claims, now or later', async () => {
    await expect(claimsCheck(z.object({ tenant: z.string() }), undefined)(claims)).resolves.toEqual({ tenant: 'acme' });
    const later = schemaOf(async (value) => ({ value: [value] }));
    await expect(claimsCheck(later, 'tenant')('acme')).resolves.toEqual(['acme']);
  });

  it('returns an instance of the class, and leaves the frozen claims alone', async () => {
    const checked = await claimsCheck(Order, undefined)(claims);
    expect(checked).toBeInstanceOf(Order);
    expect(checked).toEqual(claims);
    expect(checked).not.toBe(claims);
  });

  it.each<[string, StandardPath, string]>([
    ['a name', ['tenant', 'id'], 'tenant'],
    ['a member', [{ key: 'tenant' }], 'tenant'],
    ['a figure', [0], '0'],
    ['a symbol', [Symbol('x')], 'Symbol(x)'],
    ['a name that is not safe to log', ['a\nb'], 'a\\u000ab'],
    ['no path', undefined, ''],
    ['an empty path', [], ''],
    ['an empty name', [''], ''],
  ])('names the claim of the first issue: %s', async (_, path, claim) => {
    await expect(claimsCheck(issue(path), undefined)({})).rejects.toMatchObject({
      code: 'claim_invalid',
      claim,
      message: claim
        ? `The claim "${claim}" of the access token is missing or not acceptable`
        : 'The claims of the access token do not fit what the route asks for',
      cause: { issues: [{ message: 'no' }] },
    });
  });

  it('rejects where a schema names no issue at all', async () => {
    const refused = claimsCheck(
      schemaOf(() => ({ issues: [] })),
      undefined,
    )({});
    await expect(refused).rejects.toMatchObject({ code: 'claim_invalid', claim: '', cause: { issues: [] } });
  });

  it('names the claim that was asked for, whatever the schema says', async () => {
    const response = { code: 'claim_invalid', claim: 'tenant' };
    await expect(claimsCheck(issue(['id']), 'tenant')({})).rejects.toMatchObject(response);
    await expect(claimsCheck(Order, 'tenant')({ tenant: 'acme', level: 'x' })).rejects.toMatchObject(response);
  });

  it('names the first member of a class that does not fit, and keeps why', async () => {
    const refused = claimsCheck(Order, undefined)({ tenant: 'acme', level: 'x' });
    await expect(refused).rejects.toMatchObject({
      code: 'claim_invalid',
      claim: 'level',
      cause: { issues: [{ property: 'level' }] },
    });
  });

  it.each<[string, StandardSchemaV1['~standard']['validate']]>([
    [
      'throws',
      () => {
        throw new TypeError('a bug');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('a bug'))],
  ])('rejects where the schema %s', async (_, validate) => {
    await expect(claimsCheck(schemaOf(validate), 'tenant')('acme')).rejects.toMatchObject({
      code: 'claim_invalid',
      claim: 'tenant',
      cause: { message: 'a bug' },
    });
  });

  it('hands on a fault of ours that the schema throws', async () => {
    const fault = new MissingTokenError();
    await expect(
      claimsCheck(
        schemaOf(() => Promise.reject(fault)),
        undefined,
      )({}),
    ).rejects.toBe(fault);
  });
});

describe('checkedClaims', () => {
  const context = contextOf('http', []);
  const invalid = new InvalidClaimError('tenant');
  const answer = new Error('the answer');
  const toException = async (...asked: unknown[]) => Object.assign(answer, { asked });
  const refusing = (error: unknown) => () => Promise.reject(error);

  it('are what the check makes of them', async () => {
    const doubled = async (value: unknown) => [value, value];
    await expect(checkedClaims('acme', doubled, { toException, context })).resolves.toEqual(['acme', 'acme']);
  });

  it('are rejected by whom let them in', async () => {
    await expect(checkedClaims({}, refusing(invalid), { toException, context })).rejects.toBe(answer);
    expect(answer).toMatchObject({ asked: [invalid, context] });
  });

  it('are rejected with the error itself if no mapper is given', async () => {
    await expect(checkedClaims({}, refusing(invalid), { toException: undefined, context })).rejects.toBe(invalid);
  });

  it('are not rejected where something else went wrong', async () => {
    const other = new MissingTokenError();
    await expect(checkedClaims({}, refusing(other), { toException, context })).rejects.toBe(other);
  });
});
