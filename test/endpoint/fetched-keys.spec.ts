import { describe, expect, it } from 'vitest';
import type { PublishableKey } from '../../lib/endpoint/index.js';
import { testKey } from '../support/keys.js';
import { directive, Publishing } from './support/endpoint.js';

/** A KMS that does what a test says. */
async function kms() {
  const [one, other] = await Promise.all([testKey('ES256', 'one'), testKey('ES256', 'other')]);
  const state = { calls: 0, answer: (): unknown => [one.jwk] };
  const keys = async () => {
    state.calls += 1;
    return (await state.answer()) as PublishableKey[];
  };
  const publishing = await Publishing.start({ keys, maxAge: '10m' });
  return { publishing, clock: publishing.clock, state, one, other };
}

describe('keys of a function', () => {
  it('are asked for once in a maxAge, by requests that come at the same time too', async () => {
    const { publishing, clock, state, other } = await kms();
    await Promise.all([publishing.get(), publishing.get(), publishing.get()]);
    expect(state.calls).toBe(1);
    expect(directive(await publishing.get(), 'max-age')).toBe(600);
    state.answer = () => [other.jwk];
    await clock.pass(599_999);
    expect(await publishing.published()).toEqual(['one']);
    await clock.pass(1);
    expect(await publishing.published()).toEqual(['other']);
    expect(state.calls).toBe(2);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('the KMS is down');
      },
    ],
    ['gives no key', () => []],
    ['gives no list', () => ({ keys: [] })],
    ['gives a symmetric key', () => [{ kty: 'oct', k: 'AAAAAAAAAAAAAAAAAAAAAAAA' }]],
    ['gives nothing', () => undefined],
  ])('serve on while the function %s, which is logged', async (_, answer) => {
    const { publishing, clock, state } = await kms();
    await publishing.get();
    state.answer = answer;
    for (let minute = 0; minute < 60; minute += 20) {
      await clock.pass('20m');
      expect(await publishing.published()).toEqual(['one']);
    }
    expect(publishing.lines).toHaveLength(3);
  });

  it('leave a function alone for a while that failed, and come back by themselves', async () => {
    let calls = 0;
    let answer: () => Promise<PublishableKey[]> = () => Promise.reject(new Error('the KMS is down'));
    const keys = () => {
      calls += 1;
      return answer();
    };
    const publishing = await Publishing.start({ keys });
    for (let request = 0; request < 5; request += 1) expect((await publishing.get()).status).toBe(503);
    expect(calls).toBe(1);
    const { jwk } = await testKey();
    answer = async () => [jwk];
    await publishing.clock.pass('5s');
    expect((await publishing.get()).status).toBe(200);
  });

  it('fail the start where they cannot be published', async () => {
    const starting = Publishing.start({ keys: async () => [{ kty: 'oct', k: 'AAAA' }] });
    await expect(starting).rejects.toMatchObject({
      option: 'keys',
      message: expect.stringContaining('symmetric') as string,
    });
  });

  it('keep a request waiting for a second only', async () => {
    const { publishing, clock, state } = await kms();
    state.answer = () => new Promise(() => undefined);
    await clock.pass('10m');
    const answering = publishing.get();
    await clock.pass('1s');
    expect((await answering).status).toBe(200);
  });
});
