import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSetEvent, JwksEvents, safeText, type JwksEvent } from '../../lib/core/events.js';

const event: JwksEvent = { type: 'set.unchanged', duration: 1 };

describe('JwksEvents', () => {
  it('wants the types that a listener wants, until its subscription ends', () => {
    const events = new JwksEvents();
    const received: JwksEvent[] = [];
    expect(events.wants('set.unchanged')).toBe(false);
    const end = events.subscribe((each) => received.push(each), isSetEvent);
    expect([events.observed, events.wants('set.unchanged'), events.wants('token.verified')]).toEqual([
      true,
      true,
      false,
    ]);
    events.emit({ type: 'token.verified', duration: 1 });
    events.emit(event);
    expect(received).toEqual([event]);
    end();
    expect([events.observed, events.wants('set.unchanged')]).toEqual([false, false]);
  });

  it('reaches every listener although one throws, without an error for the caller', () => {
    const events = new JwksEvents();
    const received: JwksEvent[] = [];
    events.subscribe(() => {
      throw new Error('broken listener');
    });
    events.subscribe((each) => received.push(each));
    expect(() => events.emit(event)).not.toThrow();
    expect(received).toEqual([event]);
  });
});

describe('safeText', () => {
  it.each([
    ['key-1', 'key-1'],
    ['a\r\nb', 'a\\u000d\\u000ab'],
    ['\u001b[31m', '\\u001b[31m'],
    ['"quoted\\"', '\\u0022quoted\\u005c\\u0022'],
    ['clé', 'cl\\u00e9'],
  ])('makes %j safe for a log line', (text, expected) => {
    expect(safeText(text)).toBe(expected);
  });

  it('cuts at 64 characters', () => {
    expect(safeText('k'.repeat(1000))).toBe(`${'k'.repeat(64)}...`);
  });

  it('leaves printable ASCII on one line, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(safeText(text)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });
});
