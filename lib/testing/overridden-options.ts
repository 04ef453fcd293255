import { JwksConfigurationError } from '../core/errors.js';
import type { JwksIssuerConfig, JwksIssuerResolver } from '../options/issuer-options.js';
import type { JwksModuleOptions, JwksMultiIssuerOptions } from '../options/jwks-options.js';
import { SOURCE_NAMES } from '../options/resolve-issuer.js';

/** Which issuer of an application a `TestIssuer` stands for. @publicApi */
export interface OverrideOptions {
  /**
   * The `issuer` that is replaced, where the application trusts several.
   *
   * @default the only one
   */
  inPlaceOf?: string;
}

/** What stands for an identity provider. @internal */
export interface Replacement {
  readonly issuer: string;
  options(): { issuer: string; audience: string | false };
}

const REPLACED: ReadonlySet<string> = new Set(['issuer', 'audience', ...SOURCE_NAMES]);

/**
 * The options of an application with the test issuer in the place of an issuer of theirs: issuer,
 * audience and the place of the keys are replaced, every rule stays.
 *
 * @internal
 */
export function overriddenOptions(
  options: JwksModuleOptions,
  testIssuer: Replacement,
  { inPlaceOf }: OverrideOptions,
): JwksModuleOptions {
  const replace = (given: object) => replaced(given, testIssuer);
  if (options.issuers === undefined) {
    const isMeant = options.issuer !== testIssuer.issuer && (inPlaceOf === undefined || options.issuer === inPlaceOf);
    return isMeant ? (replace(options) as JwksModuleOptions) : options;
  }
  if (typeof options.issuers === 'function')
    return overriddenResolver(options, options.issuers, { testIssuer, inPlaceOf });
  const isMeant = ({ issuer }: JwksIssuerConfig) => inPlaceOf === undefined || issuer === inPlaceOf;
  const { issuers } = options;
  if (issuers.some(({ issuer }) => issuer === testIssuer.issuer)) return options;
  if (issuers.filter(isMeant).length > 1)
    throw new JwksConfigurationError(
      'The application trusts several issuers: say which of them the test issuer stands for, with "inPlaceOf"',
      'inPlaceOf',
    );
  return { ...options, issuers: issuers.map((each) => (isMeant(each) ? replace(each) : each)) as JwksIssuerConfig[] };
}

/** The test issuer is on loopback, where issuers that a function returns may not be. */
function overriddenResolver(
  options: JwksMultiIssuerOptions,
  resolve: JwksIssuerResolver,
  { testIssuer, inPlaceOf }: { testIssuer: Replacement; inPlaceOf: string | undefined },
): JwksModuleOptions {
  const issuers: JwksIssuerResolver = async (issuer) => {
    if (issuer !== testIssuer.issuer) return resolve(issuer);
    const found = inPlaceOf === undefined ? {} : await resolve(inPlaceOf);
    return found && (replaced(found, testIssuer) as JwksIssuerConfig);
  };
  return { ...options, issuers, http: { ...options.http, allowPrivateAddresses: true } };
}

function replaced(given: object, testIssuer: Replacement): object {
  const rules = Object.fromEntries(Object.entries(given).filter(([name]) => !REPLACED.has(name)));
  return { ...rules, ...testIssuer.options() };
}
