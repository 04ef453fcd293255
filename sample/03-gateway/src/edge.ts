import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What nginx does with `auth_request`, and Traefik with `forwardAuth`: it asks the gateway before
 * it forwards.
 */
export class Edge {
  private readonly server = createServer((request, response) => void this.forward(request, response));

  constructor(
    private readonly gateway: string,
    /** By the first part of the path. */
    private readonly services: ReadonlyMap<string, string>,
  ) {}

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async forward({ url = '/', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const service = this.services.get(url.slice(1));
    const authorization = { authorization: headers.authorization ?? '' };
    try {
      const allowed = await fetch(`${this.gateway}/auth`, { headers: authorization });
      const answer = allowed.status === 204 && service ? await fetch(service, { headers: authorization }) : allowed;
      const challenge = answer.headers.get('www-authenticate');
      response.writeHead(answer.status, { ...(challenge && { 'www-authenticate': challenge }) });
      response.end(await answer.text());
    } catch {
      response.writeHead(502).end();
    }
  }
}
