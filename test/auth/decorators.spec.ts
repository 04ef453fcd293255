import { describe, expect, it } from 'vitest';
import { Authenticated, Claims, Public } from '../../lib/auth/decorators.js';
import type { AuthenticatedOptions } from '../../lib/auth/route-options.js';
import { JwksConfigurationError } from '../../lib/core/errors.js';

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
    ['anyScope', { anyScope: [] }],
    ['anyScope', { anyScope: 'a' }],
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
    ['claims', { claims: { org: ['a'] } }],
    ['claims', { claims: { org: Number.NaN } }],
    ['claims', { claims: { '': 'a' } }],
    ['optional', { optional: 'yes' }],
    ['scope', { scope: ['a'] }],
    ['constructor', { constructor: 1 }],
  ])('refuses a bad `%s` when decorating: %j', (option, options) => {
    const decorate = () => Authenticated(options as AuthenticatedOptions);
    expect(decorate).toThrow(JwksConfigurationError);
    expect(decorate).toThrow(`\`${option}\``);
    expect(decorate).toThrow(expect.objectContaining({ option }));
  });

  it.each([null, [], 'admin', 1])('refuses %j for options', (options) => {
    expect(() => Authenticated(options as never)).toThrow(JwksConfigurationError);
  });

  // What a circular import or a missing environment variable leaves.
  it.each(['scopes', 'anyScope', 'claims', 'issuer', 'audience'])(
    'E18: makes no rule of a %s that is undefined',
    (option) => {
      expect(() => Authenticated({ [option]: undefined })).toThrow(expect.objectContaining({ option }));
    },
  );

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

describe('@Claims', () => {
  it('refuses an empty name', () => {
    expect(() => Claims('')).toThrow(JwksConfigurationError);
  });
});
