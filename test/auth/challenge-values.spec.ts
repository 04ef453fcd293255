import { describe, expect, it } from 'vitest';
import { StepUpRequiredError, type StepUpRequirement } from '../../lib/core/sender-errors.js';
import { Authenticated } from '../../lib/auth/decorators.js';

describe('a login that can be asked for', () => {
  it.each<StepUpRequirement>([
    { acrValues: ['urn:example:mfa', 'phr'] },
    { maxAge: '1s' },
    { maxAge: '300s' },
    { maxAge: 300_000 },
    { acrValues: ['mfa'], maxAge: '1h' },
  ])('is described by %j', (required) => {
    expect(() => new StepUpRequiredError(required)).not.toThrow();
    expect(() => Authenticated({ stepUp: required })).not.toThrow();
  });

  it.each<[unknown, RegExp]>([
    [undefined, /takes \{ acrValues, maxAge \}, at least one of them/],
    [{}, /at least one of them/],
    ['mfa', /at least one of them/],
    [['mfa'], /at least one of them/],
    [{ acr: 'mfa' }, /there is no `acr` in it/],
    [{ max_age: 300 }, /there is no `max_age` in it/],
    [{ acrValues: undefined }, /`acrValues` a list/],
    [{ acrValues: [] }, /`acrValues` a list of at least one value/],
    [{ acrValues: 'mfa' }, /`acrValues` a list/],
    [{ acrValues: ['mfa phr'] }, /text without spaces/],
    [{ maxAge: undefined }, /`maxAge` a duration/],
    [{ maxAge: 0 }, /at least a second/],
    [{ maxAge: '500ms' }, /at least a second/],
    [{ maxAge: 'soon' }, /`maxAge` a duration/],
    [{ maxAge: 300 }, /milliseconds: 300 is 300 ms; say '300s'/],
  ])('is not described by %j, on a route or in an error', (required, message) => {
    expect(() => new StepUpRequiredError(required as StepUpRequirement)).toThrow(message);
    expect(() => Authenticated({ stepUp: required as StepUpRequirement })).toThrow(message);
  });
});
