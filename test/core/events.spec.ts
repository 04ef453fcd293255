import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JwksEvents, safeText, type JwksEvent } from '../../lib/core/events.js';

const event: JwksEvent = { type: 'set.unchanged', duration: 1 };

describe('JwksEvents', () => {
  it('tells whether anybody listens', () => {
    const events = new JwksEvents();
    expect(events.observed).toBe(false);
    const end = events.subscribe(() => undefined);
    expect(events.observed).toBe(true);
    end();
    expect(events.observed).toBe(false);
  });

  it('reaches every listener although one throws, and the caller never notices', () => {
    const events = new JwksEvents();
    const heard: JwksEvent[] = [];
    events.subscribe(() => {
      throw new Error('broken listener');
    });
    events.subscribe((told) => heard.push(told));
    expect(() => events.emit(event)).not.toThrow();
    expect(heard).toEqual([event]);
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
