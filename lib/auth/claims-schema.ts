import { ValidationPipe, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { InvalidClaimError, isJwksError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { fieldsOf, isObject } from './fields.js';
import type { Admission } from './request-context.js';

/**
 * A Standard Schema (standardschema.dev), as far as it is used here: those of zod, valibot, ArkType and others are such.
 *
 * @publicApi
 */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): StandardResult | Promise<StandardResult>;
  };
}

/** What a Standard Schema answers. @publicApi */
export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** A Standard Schema, or a class with the decorators of class-validator. @publicApi */
export type ClaimsSchema = StandardSchema | Type<object>;

/** Answers with what fits, or rejects with an `InvalidClaimError`. @internal */
export type ClaimsCheck = (value: unknown) => Promise<unknown>;

/** The claims as `check` makes them, or rejects with what the client gets. @internal */
export async function checkedClaims(
  value: unknown,
  check: ClaimsCheck,
  { refuse, context }: Pick<Admission, 'refuse'> & { readonly context: ExecutionContext },
): Promise<unknown> {
  try {
    return await check(value);
  } catch (error) {
    throw refuse && error instanceof InvalidClaimError ? await refuse(error, context) : error;
  }
}

/** Told from a pipe first by `~standard`: the schemas of zod have a method `transform`, which makes pipes of them in the eyes of Nest. @internal */
export function isClaimsSchema(argument: unknown): argument is ClaimsSchema {
  if (isStandardSchema(argument)) return true;
  return typeof argument === 'function' && !isPipe(argument.prototype) && !isPipe(argument);
}

/** `claim`: of which the value is checked; without one all claims are. @internal */
export function claimsCheck(schema: ClaimsSchema, claim: string | undefined): ClaimsCheck {
  return isStandardSchema(schema) ? standardCheck(schema, claim) : classCheck(schema, claim);
}

function standardCheck(schema: StandardSchema, claim: string | undefined): ClaimsCheck {
  return async (value) => {
    const result = await attempt(() => schema['~standard'].validate(value), claim);
    if (!result.issues) return result.value;
    const [step] = result.issues[0]?.path ?? [];
    throw invalid(claim ?? (isObject(step) ? fieldsOf(step)['key'] : step), { issues: result.issues });
  };
}

/** Nest's own pipe, which brings class-validator and class-transformer, or says that they have to be installed. */
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

/** What a schema throws says that it cannot judge these claims: they are refused, as where a predicate throws. */
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

function isStandardSchema(argument: unknown): argument is StandardSchema {
  return typeof fieldsOf(fieldsOf(argument)['~standard'])['validate'] === 'function';
}

function isPipe(argument: unknown): argument is PipeTransform {
  return typeof fieldsOf(argument)['transform'] === 'function';
}
