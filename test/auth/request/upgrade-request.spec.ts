import { describe, expect, it } from 'vitest';
import { upgradeRequestOf, withUpgradeRequest } from '../../../lib/auth/request/upgrade-request.js';

type Handler = (this: void, client: unknown, ...rest: unknown[]) => unknown;

/** An adapter that says what it was told to bind, as Nest's have it. */
class Adapter {
  readonly bound: [server: unknown, handler: Handler][] = [];

  bindClientConnect(server: unknown, handler: Handler): string {
    this.bound.push([server, handler]);
    return 'bound';
  }
}

function bind(handler: Handler): { connect: Handler; adapter: Adapter; answer: unknown } {
  const adapter = new Adapter();
  const answer = withUpgradeRequest(adapter).bindClientConnect('server', handler);
  const [server, connect] = adapter.bound[0]!;
  expect(server).toBe('server');
  return { connect, adapter, answer };
}

describe('withUpgradeRequest', () => {
  it('keeps the upgrade request of each client, and hands everything on', () => {
    const heard: unknown[] = [];
    const { connect, adapter, answer } = bind((...args) => {
      heard.push(args);
      return 'heard';
    });
    const [first, second] = [{}, {}];
    expect(answer).toBe('bound');
    expect(connect(first, 'request 1', 'more')).toBe('heard');
    connect(second, 'request 2');
    expect(heard).toEqual([
      [first, 'request 1', 'more'],
      [second, 'request 2'],
    ]);
    expect([first, second].map(upgradeRequestOf)).toEqual(['request 1', 'request 2']);
    expect(withUpgradeRequest(adapter)).toBe(adapter);
  });

  it('has the request before the handler of the application asks for it', () => {
    const { connect } = bind((client) => upgradeRequestOf(client));
    expect(connect({}, 'request')).toBe('request');
  });

  it('takes a client that is no object as it comes', () => {
    const { connect } = bind(() => 'heard');
    expect(connect('client', 'request')).toBe('heard');
  });
});

describe('upgradeRequestOf', () => {
  it.each([{}, undefined, null, 'client'])('is nothing for a client that nobody kept: %j', (client) => {
    expect(upgradeRequestOf(client)).toBeUndefined();
  });
});
