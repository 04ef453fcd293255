import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/**
 * A forward proxy on loopback: absolute-form for http, CONNECT for tunnels. Remembers what it was
 * asked for.
 */
export class TestProxy {
  /** `GET http://…` or `CONNECT host:port`. */
  readonly asked: string[] = [];
  readonly credentials: (string | undefined)[] = [];
  /** Where requests and tunnels really lead; by default where they were asked to. */
  leadTo: { host: string; port: number } | undefined;
  /** Refuses tunnels with this status. */
  refuseWith: number | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((incoming, response) => this.forward(incoming, response));

  static async start(): Promise<TestProxy> {
    const proxy = new TestProxy();
    proxy.server.on('connect', (incoming: IncomingMessage, socket: Socket) => proxy.tunnel(incoming, socket));
    proxy.server.on('connection', (socket: Socket) => proxy.sockets.add(socket));
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  private forward(incoming: IncomingMessage, response: ServerResponse): void {
    this.asked.push(`${incoming.method} ${incoming.url}`);
    this.credentials.push(incoming.headers['proxy-authorization']);
    const options = { method: incoming.method, headers: incoming.headers };
    if (this.leadTo) Object.assign(options, { hostname: this.leadTo.host, port: this.leadTo.port });
    const onward = request(incoming.url ?? '', options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    onward.end();
  }

  private tunnel(incoming: IncomingMessage, socket: Socket): void {
    this.asked.push(`CONNECT ${incoming.url}`);
    this.credentials.push(incoming.headers['proxy-authorization']);
    if (this.refuseWith) return void socket.end(`HTTP/1.1 ${this.refuseWith} No\r\n\r\n`);
    const [host = '', port] = (incoming.url ?? '').split(':');
    const onward = connect(this.leadTo ?? { host, port: Number(port) }, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    this.sockets.add(onward);
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  }
}
