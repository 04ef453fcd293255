// Mutants that no test can tell from the original, each with the reason. `what` narrows it to one of two.
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
  { file: 'tokens/claims.ts', code: 'exp !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'tokens/claims.ts', code: 'nbf !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'tokens/claims.ts', code: 'iat !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'tokens/claims.ts', code: 'isString(member)', what: 'is true', reason: TYPE_CHECKER },
  { file: 'tokens/claims.ts', code: 'isString(audience)', what: 'is true', reason: TYPE_CHECKER },
  {
    file: 'tokens/compact-jwt.ts',
    code: 'payloadStart === 0',
    reason: 'a text without any dot has no second one either',
  },
  {
    file: 'tokens/compact-jwt.ts',
    code: 'signatureStart === 0',
    reason: 'with one dot what stands for the signature is the whole text, and its dot is no base64url',
  },
  { file: 'tokens/compact-jwt.ts', code: 'recent?.part === part', what: 'is false', reason: 'only saves time' },
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
  { file: 'tokens/token-verifier.ts', code: 'found instanceof Promise', what: 'is true', reason: 'only saves time' },

  {
    file: 'tokens/token-verifier.ts',
    code: 'next === key',
    what: 'is false',
    reason: 'the same key fails again, with the same fault',
  },
];
