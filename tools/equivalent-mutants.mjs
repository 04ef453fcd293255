// Mutants that no test can tell from the original, each with the reason. `what` narrows it to one of two.
const NOTHING_COMPARES = 'a comparison with undefined is one with NaN, which is false';
const TYPE_CHECKER =
  'asked for the type checker alone: judgeTypes has refused anything else, or the next comparison does';

export const EQUIVALENT = [
  { file: 'claims.ts', code: 'exp !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'claims.ts', code: 'nbf !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'claims.ts', code: 'iat !== undefined', what: 'is true', reason: NOTHING_COMPARES },
  { file: 'claims.ts', code: 'isString(member)', what: 'is true', reason: TYPE_CHECKER },
  { file: 'claims.ts', code: 'isString(audience)', what: 'is true', reason: TYPE_CHECKER },
  {
    file: 'compact-jwt.ts',
    code: 'payloadStart === 0',
    reason: 'a text without any dot has no second one either',
  },
  {
    file: 'compact-jwt.ts',
    code: 'signatureStart === 0',
    reason: 'with one dot what stands for the signature is the whole text, and its dot is no base64url',
  },
  { file: 'compact-jwt.ts', code: 'recent?.part === part', what: 'is false', reason: 'only saves time' },
];
