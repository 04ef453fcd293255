import { ParseIntPipe, type ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AccessToken, Authenticated, Claims, Public } from '../../lib/auth/decorators.js';
import { bindToRequest } from '../../lib/auth/invocation.js';
import { routeMetadataOf } from '../../lib/auth/route-metadata.js';
import { verifyOptionsOf, type AuthenticatedOptions } from '../../lib/auth/route-options.js';
import type { Authentication } from '../../lib/auth/verification.js';
import { isFrozen } from '../../lib/options/frozen-options.js';
import { JwksConfigurationError } from '../../lib/core/errors.js';
import { contextOf, httpRequest } from './support/contexts.js';

describe('@Authenticated', () => {
  it.each<[string, unknown]>([
    ['scopes', { scopes: 'a' }],
    ['scopes', { scopes: [] }],
    ['scopes', { scopes: [1] }],
    ['scopes', { scopes: [''] }],
    ['scopes', { scopes: ['a b'] }],
    ['scopes', { scopes: ['a"b'] }],
    ['scopes', { scopes: ['a\\b'] }],
    ['scopes', { scopes: ['a\nb'] }],
    ['scopes', { scopes: null }],
    ['anyOfScopes', { anyOfScopes: [] }],
    ['anyOfScopes', { anyOfScopes: 'a' }],
    ['issuer', { issuer: '' }],
    ['issuer', { issuer: [] }],
    ['issuer', { issuer: false }],
    ['audience', { audience: '' }],
    ['audience', { audience: [] }],
    ['audience', { audience: true }],
    ['audience', { audience: ['a', ''] }],
    ['claims', { claims: {} }],
    ['claims', { claims: [] }],
    ['claims', { claims: { org: undefined } }],
    ['claims', { claims: { org: [] } }],
    ['claims', { claims: { org: [['a']] } }],
    ['claims', { claims: { org: Number.NaN } }],
    ['claims', { claims: { '': 'a' } }],
    ['optional', { optional: 'yes' }],
    ['scope', { scope: ['a'] }],
    ['constructor', { constructor: 1 }],
  ])('rejects a bad `%s` when decorating: %j', (option, options) => {
    const decorate = () => Authenticated(options as AuthenticatedOptions);
    expect(decorate).toThrow(JwksConfigurationError);
    expect(decorate).toThrow(`\`${option}\``);
    expect(decorate).toThrow(expect.objectContaining({ option }));
  });

  it.each([null, [], 'admin', 1])('refuses %j for options', (options) => {
    expect(() => Authenticated(options as never)).toThrow(JwksConfigurationError);
  });

  // What a circular import or a missing environment variable leaves.
  it.each(['scopes', 'anyOfScopes', 'claims', 'issuer', 'audience'])(
    'E18: makes no rule of a %s that is undefined',
    (option) => {
      expect(() => Authenticated({ [option]: undefined })).toThrow(expect.objectContaining({ option }));
    },
  );

  it('takes a copy of its options: a list that is changed later changes no rule', () => {
    const lists = { scopes: ['a'], anyOfScopes: ['b'], audience: ['c'], issuer: ['d'], claims: { org: 'acme' } };
    class Controller {
      handle(): void {}
    }
    Authenticated(lists)(Controller);
    for (const list of [lists.scopes, lists.anyOfScopes, lists.audience, lists.issuer]) list.push('other');
    Object.assign(lists.claims, { org: 'other' });
    const options = routeMetadataOf(contextOf('http', [{}], { controller: Controller }), new Reflector());
    expect(options).toEqual({
      scopes: ['a'],
      anyOfScopes: ['b'],
      audience: ['c'],
      issuer: ['d'],
      claims: { org: 'acme' },
    });
    expect(verifyOptionsOf(options as AuthenticatedOptions)).toEqual({ audience: ['c'], issuer: ['d'] });
    expect(isFrozen(verifyOptionsOf(options as AuthenticatedOptions) ?? {})).toBe(true);
  });

  it('keeps no rule that was not given', () => {
    class Controller {}
    Authenticated({ scopes: ['a'] })(Controller);
    const options = routeMetadataOf(contextOf('http', [{}], { controller: Controller }), new Reflector());
    expect(Object.keys(options)).toEqual(['scopes']);
  });

  it.each(['acme', 3, 0, true, false, null, () => true])('takes %s for the rule of a claim', (rule) => {
    expect(() => Authenticated({ claims: { org: rule } })).not.toThrow();
  });

  it('asks for a token where `optional` is undefined', () => {
    expect(() => Authenticated({ optional: undefined })).not.toThrow();
  });

  it.each([
    [
      'two on one class',
      () => {
        class Controller {}
        Authenticated()(Controller);
        Public()(Controller);
      },
      /more than once/,
    ],
    [
      'two on one handler',
      () => {
        class Controller {
          handle(): void {}
        }
        const descriptor = Object.getOwnPropertyDescriptor(Controller.prototype, 'handle')!;
        Authenticated({ scopes: ['a'] })(Controller.prototype, 'handle', descriptor);
        Authenticated()(Controller.prototype, 'handle', descriptor);
      },
      /"handle" has @Authenticated or @Public more than once/,
    ],
    ['a property', () => (Public() as PropertyDecorator)({}, 'field'), /on a class or a method/],
  ])('stands once on each class and handler: %s', (_, decorate, message) => {
    expect(decorate).toThrow(JwksConfigurationError);
    expect(decorate).toThrow(message);
  });
});

interface Parameter {
  readonly data: unknown;
  readonly pipes: readonly unknown[];
  readonly factory: (data: unknown, context: ExecutionContext) => unknown;
}

/** What Nest finds at a parameter, and asks when the handler is about to be called. */
function parameterOf(decorate: ParameterDecorator): Parameter {
  class Controller {
    handle(_: unknown): void {}
  }
  decorate(Controller.prototype, 'handle', 0);
  const [parameter] = Object.values(Reflect.getMetadata(ROUTE_ARGS_METADATA, Controller, 'handle') as object);
  return parameter as Parameter;
}

function valueOf(decorate: ParameterDecorator, context: ExecutionContext): unknown {
  const { data, factory } = parameterOf(decorate);
  return factory(data, context);
}

/** A request that our guard let in, and one that it did not see. */
function contexts(claims: object): { admitted: ExecutionContext; foreign: ExecutionContext } {
  const authentication = { accessToken: 'abc', token: { claims }, user: undefined } as unknown as Authentication;
  const request = httpRequest({});
  bindToRequest(request, { authentication, toException: async (error) => error });
  const foreign = { ...httpRequest({}), auth: { claims } };
  return { admitted: contextOf('http', [request]), foreign: contextOf('http', [foreign]) };
}

describe('@Claims', () => {
  const claims = { sub: 'alice', level: '3', realm_access: { roles: ['admin'] } };
  const { admitted, foreign } = contexts(claims);
  const Level = z.coerce.number();
  const Order = z.object({ level: Level });

  it('rejects an empty name', () => {
    expect(() => Claims('')).toThrow(JwksConfigurationError);
  });

  it.each<[string, ParameterDecorator, unknown]>([
    ['all claims', Claims(), claims],
    ['a claim by name', Claims('sub'), 'alice'],
    ['a claim by path', Claims('realm_access.roles'), ['admin']],
    ['a claim that is not there', Claims('tenant'), undefined],
    ['all claims, for a pipe', Claims(ParseIntPipe), claims],
    ['a claim, for a pipe', Claims('level', ParseIntPipe), '3'],
  ])('gives %s', (_, decorate, value) => {
    expect(valueOf(decorate, admitted)).toEqual(value);
  });

  it('gives what a schema makes of all claims, or of one', async () => {
    await expect(valueOf(Claims(Order), admitted)).resolves.toEqual({ level: 3 });
    await expect(valueOf(Claims('level', Level), admitted)).resolves.toBe(3);
  });

  it.each<[string, ParameterDecorator, unknown[]]>([
    ['alone', Claims(ParseIntPipe), [ParseIntPipe]],
    ['after a name', Claims('level', ParseIntPipe), [ParseIntPipe]],
    ['after a schema', Claims(Order, ParseIntPipe), [ParseIntPipe]],
    ['after both', Claims('level', Level, ParseIntPipe), [ParseIntPipe]],
    ['nowhere', Claims('level', Level), []],
  ])('hands pipes on: %s', (_, decorate, pipes) => {
    expect(parameterOf(decorate).pipes).toEqual(pipes);
  });

  it('gives nothing, and asks no schema, where our guard let nothing in', () => {
    for (const decorate of [Claims(), Claims('sub'), Claims(Order)]) expect(valueOf(decorate, foreign)).toBeUndefined();
  });
});

describe('@AccessToken', () => {
  it('gives the token that was verified, and nothing where none was', () => {
    const { admitted, foreign } = contexts({ sub: 'alice' });
    expect(valueOf(AccessToken(), admitted)).toBe('abc');
    expect(valueOf(AccessToken(), foreign)).toBeUndefined();
  });
});
