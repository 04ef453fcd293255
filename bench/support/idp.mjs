import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The identity provider of all contenders: a JWK Set at any configured path, and discovery
 * beside it. No Cache-Control: how long a set is kept is each contender's own setting.
 */
export class Idp {
  /** Milliseconds that every answer takes. */
  delay = 0;
  #server = createServer((request, response) => void this.#answer(request, response));
  #sets = new Map();
  #fetches = new Map();

  static async start() {
    const idp = new Idp();
    idp.#server.listen(0, '127.0.0.1');
    await once(idp.#server, 'listening');
    return idp;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** An issuer with this set: what a contender gets. */
  publish(name, jwks) {
    const issuer = `${this.origin}/${name}`;
    this.#sets.set(`/${name}/jwks`, JSON.stringify(jwks));
    return { issuer, jwksUri: `${issuer}/jwks` };
  }

  /** How often the set of an issuer was fetched. */
  fetches(issuer) {
    return this.#fetches.get(new URL(issuer.jwksUri).pathname) ?? 0;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request, response) {
    const body = this.#page(request.url);
    if (this.delay > 0) await pause(this.delay);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(body ?? '{}');
  }

  #page(path) {
    this.#fetches.set(path, (this.#fetches.get(path) ?? 0) + 1);
    const name = path.replace(/\/\.well-known\/openid-configuration$/, '');
    if (name === path) return this.#sets.get(path);
    const issuer = `${this.origin}${name}`;
    return JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, authorization_endpoint: `${issuer}/authorize` });
  }
}
