import { isObject } from '../fields.js';

type ConnectHandler = (client: unknown, ...rest: readonly unknown[]) => unknown;

/** A WebSocket adapter, as far as this package looks at it. @publicApi */
export interface ClientConnectAdapter {
  bindClientConnect(server: never, handler: never): unknown;
}

/** The upgrade requests of clients that say nothing of theirs, by the client. */
const upgradeRequests = new WeakMap<object, unknown>();

/**
 * Lets the guard see the upgrade request of the clients of `ws`, which keep nothing of it
 * themselves: `app.useWebSocketAdapter(withUpgradeRequest(new WsAdapter(app)))`. Returns the
 * adapter it was given. socket.io needs it not.
 *
 * @publicApi
 */
export function withUpgradeRequest<T extends ClientConnectAdapter>(adapter: T): T {
  const bind = adapter.bindClientConnect as (server: unknown, handler: ConnectHandler) => unknown;
  const bindKeeping = function (this: unknown, server: unknown, handler: ConnectHandler): unknown {
    return bind.call(this, server, (client, ...rest) => {
      if (isObject(client)) upgradeRequests.set(client, rest[0]);
      return handler(client, ...rest);
    });
  };
  return Object.assign(adapter, { bindClientConnect: bindKeeping });
}

/** @internal */
export function upgradeRequestOf(client: unknown): unknown {
  return isObject(client) ? upgradeRequests.get(client) : undefined;
}
