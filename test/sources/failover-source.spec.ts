import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidJwkSetError, JwksConnectionError, type SourceError } from '../../lib/core/errors.js';
import { FailoverSource } from '../../lib/sources/failover-source.js';
import { StaticSource, type JwkSetSource, type SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import { testKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { answerOf, expectNoTimers, requestWith, ScriptedSource } from './scripted-source.js';

describe('several sources', () => {
  let clock: ManualClock;
  let first: SourceAnswer;
  let second: SourceAnswer;
  const down = (message = 'down') => new JwksConnectionError(message);

  beforeAll(async () => {
    first = answerOf((await testKey()).jwk, 'first');
    second = answerOf((await testKey('RS256')).jwk, 'second');
  });

  beforeEach(() => {
    clock = new ManualClock();
  });

  afterEach(() => expectNoTimers(clock));

  const failover = (...members: JwkSetSource[]) => new FailoverSource(members, { turn: 4_000 }, clock);

  async function fault(attempt: Promise<unknown>): Promise<SourceError> {
    return attempt.then(
      () => expect.unreachable('the load should fail'),
      (error: SourceError) => error,
    );
  }

  it('answer with the first one, and leave the others alone', async () => {
    const backup = new ScriptedSource([second]);
    const request = requestWith({ reload: true, previous: { set: first.set, origin: 'first' } });
    const main = new ScriptedSource([first]);
    expect(await failover(main, backup).load(request)).toBe(first);
    expect(main.requests).toMatchObject([{ reload: true, previous: request.previous }]);
    expect(backup.requests).toHaveLength(0);
  });

  it.each([
    down(),
    new JwksConnectionError('404', { retryable: false }),
    new InvalidJwkSetError('HTML'),
    new TypeError('broken'),
  ])('answer with the next one when one fails: $message', async (broken) => {
    expect(
      await failover(new ScriptedSource([broken]), new ScriptedSource([down()]), new ScriptedSource([second])).load(
        requestWith(),
      ),
    ).toBe(second);
  });

  it('begin with the first one each time, so that it comes back by itself', async () => {
    const source = failover(new ScriptedSource([down(), first]), new ScriptedSource([second]));
    expect(await source.load(requestWith())).toBe(second);
    expect(await source.load(requestWith())).toBe(first);
  });

  it('leave the next one its turn when one hangs, and let go of the one that hangs', async () => {
    const hanging = new ScriptedSource(['hangs']);
    const load = failover(hanging, new ScriptedSource([second])).load(requestWith());
    await clock.pass(3_999);
    expect(hanging.requests[0]?.signal.aborted).toBe(false);
    await clock.pass(1);
    expect(hanging.requests[0]?.signal.aborted).toBe(true);
    expect(await load).toBe(second);
  });

  it('give the last one all the time there is', async () => {
    const last = new ScriptedSource(['hangs']);
    const load = failover(new ScriptedSource([down()]), last).load(requestWith());
    void load.catch(() => undefined);
    await clock.pass('1h');
    expect(last.requests[0]?.signal.aborted).toBe(false);
  });

  it('stop when nobody waits any more', async () => {
    const controller = new AbortController();
    const backup = new ScriptedSource([second]);
    const load = failover(new ScriptedSource(['hangs']), backup).load(requestWith({ signal: controller.signal }));
    await settle();
    controller.abort(down('too late'));
    await expect(load).rejects.toThrow('too late');
    expect(backup.requests).toHaveLength(0);
  });

  it('stop at a fault that no other source may mend', async () => {
    const backup = new ScriptedSource([second]);
    const final = new JwksConnectionError('final', { failsOver: false });
    await expect(failover(new ScriptedSource([final]), backup).load(requestWith())).rejects.toBe(final);
    expect(backup.requests).toHaveLength(0);
  });

  describe('that all fail', () => {
    it('fail as the first one did, with every fault as the cause', async () => {
      const faults = [
        new JwksConnectionError('first down', { retryable: false, retryAfter: 7_000 }),
        down('second down'),
      ];
      const error = await fault(failover(...faults.map((each) => new ScriptedSource([each]))).load(requestWith()));
      expect(error).toMatchObject({
        code: 'jwks_unavailable',
        message: 'first down; 1 more failed after it',
        retryable: true,
        retryAfter: 7_000,
      });
      expect(error.cause).toBeInstanceOf(AggregateError);
      expect((error.cause as AggregateError).errors).toEqual(faults);
    });

    it('may not be allowsStale where the first one has withdrawn its keys', async () => {
      const withdrawn = new InvalidJwkSetError('no usable key', { allowsStale: false });
      const error = await fault(
        failover(new ScriptedSource([withdrawn]), new ScriptedSource([down()])).load(requestWith()),
      );
      expect(error).toMatchObject({ code: 'jwks_invalid', allowsStale: false, retryable: true });
      expect(
        await fault(failover(new ScriptedSource([down()]), new ScriptedSource([withdrawn])).load(requestWith())),
      ).toMatchObject({
        code: 'jwks_unavailable',
        allowsStale: true,
      });
    });

    it('are not asked again where that helps with none', async () => {
      const broken = () => new ScriptedSource([new InvalidJwkSetError('HTML')]);
      expect(await fault(failover(broken(), broken()).load(requestWith()))).toMatchObject({ retryable: false });
    });
  });

  it('answer with the first document that can be had', async () => {
    const document = { keys: [(await testKey()).privateJwk] };
    const withDocument = new StaticSource(first.set, document);
    expect(await failover(new ScriptedSource([down()]), withDocument).fetchDocument(requestWith())).toEqual({
      keys: [expect.not.objectContaining({ d: expect.anything() })],
    });
    expect(await failover(new ScriptedSource([second])).fetchDocument(requestWith())).toEqual(second.set.toJSON());
  });

  it('are closed together', async () => {
    const members = [new ScriptedSource([first]), new ScriptedSource([second])];
    await failover(...members, new StaticSource(first.set, {})).close();
    expect(members.map(({ closed }) => closed)).toEqual([1, 1]);
  });
});
