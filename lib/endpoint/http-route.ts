import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { HttpServer } from '@nestjs/common';
import type { EndpointRequest } from './http-answer.js';
import type { EndpointRoute } from './jwks-endpoint.js';

/** What is used of a request of Express or Fastify. */
interface FrameworkRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

interface FastifyReply {
  code(status: number): this;
  headers(headers: Readonly<Record<string, string>>): this;
  send(body: Buffer): this;
}

interface FastifyInstance {
  readonly supportedMethods: readonly string[];
  route(options: object): unknown;
}

/**
 * Puts a route on the HTTP framework itself, where Nest's guards, interceptors, pipes and filters
 * do not reach, and neither does the global prefix or a version.
 *
 * @internal
 */
export function serveRoute(
  adapter: HttpServer & { getType(): string; getInstance(): unknown },
  route: EndpointRoute,
): void {
  if (adapter.getType() === 'fastify') serveOnFastify(adapter.getInstance() as FastifyInstance, route);
  else
    adapter.all(
      route.path,
      (request: FrameworkRequest, response: ServerResponse) => void serve(route, request, response),
    );
}

async function serve(route: EndpointRoute, request: FrameworkRequest, response: ServerResponse): Promise<void> {
  const { status, headers, body } = await route.answer(read(request));
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, headers).end(body);
}

function serveOnFastify(instance: FastifyInstance, route: EndpointRoute): void {
  const send = async (request: FrameworkRequest, reply: FastifyReply) => {
    const { status, headers, body } = await route.answer(read(request));
    // A Buffer: of text Fastify would change the content type.
    return reply.code(status).headers(headers).send(body);
  };
  instance.route({
    method: instance.supportedMethods,
    url: route.path,
    exposeHeadRoute: false,
    // Before the body is parsed: a method that is not allowed is rejected whatever it brings.
    onRequest: send,
    handler: send,
  });
}

function read({ method, headers }: FrameworkRequest): EndpointRequest {
  return { method, origin: headers.origin, ifNoneMatch: headers['if-none-match'] };
}
