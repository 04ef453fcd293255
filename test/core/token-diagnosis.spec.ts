import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { InvalidClaimError } from '../../lib/core/errors.js';

describe('the explanation of a token error', () => {
  const explained = () => {
    const error = new InvalidClaimError('aud');
    error.explain(() => ({ reason: 'the reason', hint: 'the hint', misconfiguration: true }));
    return error;
  };

  it('is there for logs', () => {
    expect(explained()).toMatchObject({ reason: 'the reason', hint: 'the hint' });
    expect(new InvalidClaimError('aud').reason).toBe(
      'The claim "aud" of the access token is missing or not acceptable',
    );
  });

  it('is in nothing that reaches a client by copying or writing the error', () => {
    const error = explained();
    for (const copy of [
      JSON.stringify(error),
      JSON.stringify({ ...error }),
      error.message,
      error.stack,
      inspect(error),
    ])
      expect(copy).not.toMatch(/the (reason|hint)/);
  });

  it('stays the first one, and no other is made', () => {
    const error = explained();
    const other = vi.fn();
    error.explain(other);
    expect(other).not.toHaveBeenCalled();
  });
});
