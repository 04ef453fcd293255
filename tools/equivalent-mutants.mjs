// Mutants that no test can tell from the original, each with the reason. `what` narrows it to one
// of two, `near` to those of a line that holds it.
const NOTHING_COMPARES = 'a comparison with undefined is one with NaN, which is false';
const TYPE_CHECKER =
  'asked for the type checker alone: judgeTypes has refused anything else, or the next comparison does';

const EMPTY = 'for the type checker alone: toOctets refuses an empty text, so that there always is an octet';

export const EQUIVALENT = [
  {
    file: 'keys/key-material.ts',
    code: "typeof alg !== 'string'",
    what: 'is false',
    reason: 'for the type checker alone: the map knows nothing but strings, by identity',
  },
  { file: 'keys/key-material.ts', code: '0', what: 'is undefined', reason: EMPTY },
  { file: 'auth/refusal.ts', code: "''", what: 'is undefined', reason: 'for the type checker alone: each has a value' },
  {
    file: 'auth/refusal.ts',
    code: "'retryAfter' in error",
    what: 'is true',
    reason: 'for the type checker alone: where it is not, there is no number',
  },
  {
    file: 'auth/request-context.ts',
    code: '!carrier',
    what: 'is false',
    reason: 'for the type checker alone: where there is no carrier, there is no state',
  },
  { file: 'tokens/claims.ts', code: 'exp !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'tokens/claims.ts', code: 'nbf !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'tokens/claims.ts', code: 'iat !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'tokens/claims.ts', code: 'isString(member)', what: 'is true', reason: TYPE_CHECKER },
  { file: 'tokens/claims.ts', code: 'isString(audience)', what: 'is true', reason: TYPE_CHECKER },
  { file: 'auth/context-state.ts', code: 'this.kind === undefined', what: 'is false', reason: 'only saves time' },
  { file: 'tokens/claims.ts', code: 'Object.isFrozen(payload)', what: 'is false', reason: 'only saves time' },
  { file: 'tokens/token-verifier.ts', code: 'rules === seen.rules', what: 'is false', reason: 'only saves time' },
  {
    file: 'tokens/json-object.ts',
    code: String.raw`text.includes('\ufffd')`,
    what: 'is true',
    reason: 'only saves time',
  },
  {
    file: 'tokens/json-object.ts',
    code: 'Array.isArray(value)',
    what: 'is false',
    reason: 'members of a list are members, too',
  },
  {
    file: 'tokens/json-object.ts',
    code: "count('{', text) + count('[', text) <= MAX_DEPTH",
    what: 'is false',
    reason: 'only saves time',
  },
  {
    file: 'tokens/token-cache.ts',
    code: 'familiar.of(connection)?.digest !== digest',
    what: 'is true',
    reason: 'only saves time: what is kept again is the same',
  },
  { file: 'tokens/token-verifier.ts', code: 'isPromise(found)', what: 'is true', reason: 'only saves time' },

  {
    file: 'auth/credentials.ts',
    code: "context.getType<string>() === 'http'",
    what: 'is false',
    reason: 'only saves time: what follows answers alike',
  },
  {
    file: 'auth/credentials.ts',
    code: "typeof sent === 'string'",
    what: 'is false',
    reason: 'only saves time, likewise',
  },
  {
    file: 'auth/decorators.ts',
    code: 'claim === undefined',
    what: 'is false',
    near: 'claimAt(claims, claim)',
    reason: 'without a path claimAt gives what it was given: all claims',
  },
  {
    file: 'auth/jwks-auth.guard.ts',
    code: 'request !== carrier',
    what: 'is true',
    reason: 'only saves time: what is attached twice is there once',
  },
  {
    file: 'auth/jwks-auth.guard.ts',
    code: '!isFixedRoute(options)',
    what: 'is true',
    reason: 'only saves time: options that were checked are good still',
  },
  {
    file: 'auth/message-headers.ts',
    code: 'name.length === AUTHORIZATION.length',
    what: 'is true',
    reason: 'only saves time: no text of another length is "authorization" in lower case',
  },
  {
    file: 'auth/passport-refusal.ts',
    code: 'isObject(key)',
    what: 'is true',
    near: 'kept.get(key)',
    reason: 'for the type checker alone: a WeakMap has nothing under what is no object',
  },
  {
    file: 'auth/shared-verification.ts',
    code: 'some === others',
    what: 'is false',
    reason: 'only saves time: the same options ask for the same',
  },
  {
    file: 'auth/upgrade-request.ts',
    code: 'isObject(client)',
    what: 'is true',
    near: '.get(client)',
    reason: 'for the type checker alone: a WeakMap has nothing under what is no object',
  },
];
