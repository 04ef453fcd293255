import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { JwksEvents, type JwksEvent } from '../../lib/core/events.js';
import { logEvents } from '../../lib/telemetry/log-events.js';
import { ManualClock } from '../support/manual-clock.js';

const ISSUER = 'https://id.example.com';

const failed: JwksEvent = {
  type: 'refresh.failed',
  issuer: ISSUER,
  duration: 12,
  trigger: 'stale',
  code: 'jwks_unavailable',
  reason: 'connect ECONNREFUSED',
  retryIn: 2_000,
};
const loaded: JwksEvent = { type: 'set.loaded', issuer: ISSUER, duration: 1, from: 'source', keys: 2 };
const rejection: JwksEvent & { type: 'token.rejected' } = {
  type: 'token.rejected',
  issuer: ISSUER,
  duration: 1,
  code: 'token_expired',
  reason: 'The access token has expired (kid "k")',
};
const misconfigured: JwksEvent & { type: 'token.rejected' } = {
  type: 'token.rejected',
  issuer: ISSUER,
  duration: 1,
  code: 'claim_invalid',
  claim: 'aud',
  reason: '"aud" is "account", expected "orders-api"',
  hint: 'ask for a mapper',
  misconfiguration: true,
};

describe('logEvents', () => {
  let clock: ManualClock;
  let events: JwksEvents;
  let lines: string[];
  let end: () => void;

  beforeEach(() => {
    clock = new ManualClock();
    events = new JwksEvents();
    lines = [];
    const at = (level: string) => (line: string) => void lines.push(`${level}: ${line}`);
    const logger = { log: at('log'), warn: at('warn'), error: at('error'), debug: at('debug') };
    end = logEvents(events, clock, logger);
  });

  const tell = (...emitted: JwksEvent[]) => {
    lines.length = 0;
    for (const event of emitted) events.emit(event);
    return lines;
  };

  it('reports a rotation', () => {
    expect(tell({ type: 'set.rotated', issuer: ISSUER, added: ['k2', 'k3'], removed: [] })).toEqual([
      `log: Keys of "${ISSUER}" rotated: added "k2", "k3", none removed`,
    ]);
  });

  it('names ten kids at most', () => {
    const added = Array.from({ length: 1_000 }, (_, index) => `k${index}`);
    const [line = ''] = tell({ type: 'set.rotated', issuer: ISSUER, added, removed: ['a'] });
    expect(line).toContain('"k9" and 990 more, removed "a"');
    expect(line.length).toBeLessThan(200);
  });

  it('reports a failure once, then once a minute with the number of those in between', async () => {
    const line = `warn: Keys of "${ISSUER}" could not be loaded: connect ECONNREFUSED; not tried again for 2s`;
    expect(tell(failed, failed, failed)).toEqual([line]);
    await clock.pass('59s');
    expect(tell(failed)).toEqual([]);
    await clock.pass('1s');
    expect(tell(failed)).toEqual([`${line} (and 3 times since it was last logged)`]);
    await clock.pass('1m');
    expect(tell(failed)).toEqual([line]);
  });

  it('writes one line a minute for unusable keys, however many an issuer publishes', () => {
    const dropped = Array.from({ length: 999 }, (_, index): JwksEvent => {
      return { type: 'key.dropped', issuer: ISSUER, kid: `k${index}`, reason: `has a modulus of ${index} bits` };
    });
    expect(tell(...dropped)).toHaveLength(1);
  });

  it('reports each issuer and each kind of trouble on its own', () => {
    const events: JwksEvent[] = [
      failed,
      { ...failed, issuer: 'https://other' },
      { ...failed, code: 'jwks_invalid' },
      { type: 'set.stale', issuer: ISSUER, timeLeft: 3_600_000 },
      { type: 'store.failed', issuer: ISSUER, operation: 'get', reason: 'timeout' },
      { type: 'store.failed', issuer: ISSUER, operation: 'set', reason: 'timeout' },
      { type: 'refresh.skipped', issuer: ISSUER, trigger: 'unknown-kid', reason: 'budget' },
      { type: 'key.dropped', issuer: ISSUER, kid: 'a', reason: 'has a modulus of 1024 bits' },
    ];
    expect(tell(...events, ...events)).toHaveLength(events.length);
    expect(lines.every((line) => line.startsWith('warn: '))).toBe(true);
    expect(lines[3]).toContain('serve for another 1h');
    expect(lines[7]).toContain('"a" has a modulus of 1024 bits');
  });

  it('reports recovery after a failure, and of no other load', () => {
    expect(tell(loaded)).toEqual([]);
    expect(tell(failed, loaded, loaded)[1]).toBe(`log: Keys of "${ISSUER}" are available again`);
    expect(lines).toHaveLength(2);
    tell(failed);
    expect(tell({ type: 'set.unchanged', issuer: ISSUER, duration: 1 })).toHaveLength(1);
    tell(failed);
    expect(tell({ ...loaded, issuer: 'https://other' })).toEqual([]);
  });

  it('reports at error of a hand that is not ours in the store', () => {
    const tampered: JwksEvent = {
      type: 'store.failed',
      issuer: ISSUER,
      operation: 'get',
      reason: 'The HMAC of the entry is missing or wrong',
      tampered: true,
    };
    expect(tell(tampered, tampered)).toEqual([
      `error: The store holds an entry of "${ISSUER}" that none of ours wrote: The HMAC of the entry is missing or wrong`,
    ]);
  });

  it.each<JwksEvent>([
    { type: 'set.rejected', issuer: ISSUER, duration: 1, reason: 'no keys' },
    { type: 'refresh.skipped', issuer: ISSUER, trigger: 'stale', reason: 'backoff' },
  ])('leaves out what another line says: $type', (event) => {
    expect(tell(event)).toEqual([]);
  });

  it('takes a key for encryption for nothing unusual', () => {
    expect(tell({ type: 'key.dropped', issuer: ISSUER, kid: 'e', reason: 'has the use "enc", not "sig"' })).toEqual([
      `debug: A key of "${ISSUER}" is not used: "e" has the use "enc", not "sig"`,
    ]);
  });

  it('says nothing of an issuer where none is configured', () => {
    expect(tell({ ...failed, issuer: undefined })[0]).toMatch(/^warn: Keys could not be loaded/);
  });

  it('lets nothing from outside break out of its line, or fill it', () => {
    const hostile = 'x\n[ERROR] fake \u001b[31m';
    tell(
      { ...failed, issuer: `https://id\n${'y'.repeat(100)}`, reason: hostile + 'z'.repeat(1_000) },
      { type: 'store.failed', operation: 'get', reason: hostile },
    );
    for (const line of lines) {
      expect(line).not.toMatch(/[^\x20-\x7e]/);
      expect(line.length).toBeLessThan(600);
    }
  });

  it('reports rejected tokens at debug, and not at another level', async () => {
    events.emit(rejection);
    expect(lines).toEqual([
      `debug: Rejected tokens of "${ISSUER}": 1 token_expired: The access token has expired (kid "k")`,
    ]);
    const levels = vi.spyOn(Logger, 'isLevelEnabled').mockImplementation((level) => level !== 'debug');
    onTestFinished(() => levels.mockRestore());
    await clock.pass('1m');
    events.emit(rejection);
    expect(lines).toHaveLength(1);
  });

  it('warns of a misconfiguration at once, with what to do about it', () => {
    events.emit(misconfigured);
    expect(lines).toEqual([
      `warn: Rejected tokens of "${ISSUER}": 1 claim_invalid (aud): "aud" is "account", expected "orders-api"; ask for a mapper`,
    ]);
  });

  it('sums what follows within a minute, each cause with its count', async () => {
    events.emit(misconfigured);
    for (let count = 0; count < 100_000; count += 1) {
      events.emit(misconfigured);
      events.emit({ ...rejection, code: `code_${count % 3}` });
    }
    expect(lines).toHaveLength(2);
    await clock.pass('1m');
    events.emit(misconfigured);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^warn: .*100000 claim_invalid \(aud\): .* \| 33333 code_1: /);
  });

  it('reports another cause within the minute at debug', () => {
    events.emit(misconfigured);
    events.emit({ ...misconfigured, code: 'key_not_found', claim: undefined });
    expect(lines[1]).toMatch(/^debug: .* 1 key_not_found: /);
  });

  it('has one line for all tokens of no trusted issuer', () => {
    for (const iss of ['https://a', 'https://b'])
      events.emit({
        ...misconfigured,
        issuer: undefined,
        code: 'issuer_untrusted',
        reason: `The issuer is "${iss}"`,
      });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('Rejected tokens: 1 issuer_untrusted');
  });

  it('reports at error that a set serves no more, and of its recovery', () => {
    tell({ type: 'set.expired', issuer: ISSUER }, loaded);
    expect(lines[0]).toMatch(/^error: .*expired/);
    expect(lines[1]).toMatch(/^log: /);
  });

  it('takes a logger of which no level is enabled for one without levels, which writes all, as Nest 11 has it', () => {
    const levels = vi.spyOn(Logger, 'isLevelEnabled').mockReturnValue(false);
    onTestFinished(() => levels.mockRestore());
    events.emit(rejection);
    expect(lines).toHaveLength(1);
  });

  it('ends when it is reported to', () => {
    end();
    expect(events.observed).toBe(false);
  });
});
