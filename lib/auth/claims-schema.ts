import { ValidationPipe, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidClaimError, isJwksError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { fieldsOf, isObject } from './fields.js';
import type { AttachedAuthentication } from './verification.js';

/**
 * A Standard Schema (standardschema.dev; those of zod, valibot, ArkType and others are), or a class
 * with the decorators of class-validator.
 *
 * @publicApi
 */
export type ClaimsSchema = StandardSchemaV1 | Type<object>;

/** Returns what fits, or rejects with an `InvalidClaimError`. @internal */
export type ClaimsCheck = (value: unknown) => Promise<unknown>;

/** The claims as `check` makes them, or rejects with what the client gets. @internal */
export async function checkedClaims(
  value: unknown,
  check: ClaimsCheck,
  { toException, context }: Pick<AttachedAuthentication, 'toException'> & { readonly context: ExecutionContext },
): Promise<unknown> {
  try {
    return await check(value);
  } catch (error) {
    throw toException && error instanceof InvalidClaimError ? await toException(error, context) : error;
  }
}

/**
 * Distinguished from a pipe by `~standard` first: the schemas of zod have a method `transform`, which makes
 * pipes of them in the eyes of Nest.
 *
 * @internal
 */
export function isClaimsSchema(argument: unknown): argument is ClaimsSchema {
  if (isStandardSchema(argument)) return true;
  return typeof argument === 'function' && !isPipe(argument.prototype) && !isPipe(argument);
}

/** `claim`: of which the value is checked; without one all claims are. @internal */
export function claimsCheck(schema: ClaimsSchema, claim: string | undefined): ClaimsCheck {
  return isStandardSchema(schema) ? standardCheck(schema, claim) : classCheck(schema, claim);
}

function standardCheck(schema: StandardSchemaV1, claim: string | undefined): ClaimsCheck {
  return async (value) => {
    const result = await attempt(() => schema['~standard'].validate(value), claim);
    if (!result.issues) return result.value;
    const [step] = result.issues[0]?.path ?? [];
    throw invalid(claim ?? (isObject(step) ? fieldsOf(step)['key'] : step), { issues: result.issues });
  };
}

/**
 * Nest's own pipe, which brings class-validator and class-transformer, or says that they have to be
 * installed.
 */
function classCheck(type: Type<object>, claim: string | undefined): ClaimsCheck {
  const pipe = new ValidationPipe({
    transform: true,
    validateCustomDecorators: true,
    exceptionFactory: (errors: readonly { property?: string }[]) =>
      invalid(claim ?? errors[0]?.property, { issues: errors }),
  });
  // A copy: the pipe takes members away from what it checks, and claims are frozen.
  return (value) => attempt(() => pipe.transform(structuredClone(value), { type: 'custom', metatype: type }), claim);
}

/**
 * A schema that throws cannot check these claims: they are rejected, as where a
 * predicate throws.
 */
async function attempt<T>(check: () => T | Promise<T>, claim: string | undefined): Promise<T> {
  try {
    return await check();
  } catch (cause) {
    throw isJwksError(cause) ? cause : invalid(claim, cause);
  }
}

/** `name` may come from the token. */
function invalid(name: unknown, cause: unknown): InvalidClaimError {
  const claim = name === undefined ? '' : safeText(String(name));
  const message = claim === '' ? 'The claims of the access token do not fit what the route asks for' : undefined;
  return new InvalidClaimError(claim, message, { cause });
}

function isStandardSchema(argument: unknown): argument is StandardSchemaV1 {
  return typeof fieldsOf(fieldsOf(argument)['~standard'])['validate'] === 'function';
}

function isPipe(argument: unknown): argument is PipeTransform {
  return typeof fieldsOf(argument)['transform'] === 'function';
}
