import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { DocumentAnswer, DocumentRequest } from './document-answer.js';

/**
 * A document and the path that it is served at. A path with a slash at its end comes after the same
 * path without it.
 *
 * @internal
 */
export interface DocumentRoute {
  readonly path: string;
  readonly answer: (request: DocumentRequest) => Promise<DocumentAnswer>;
}

/** A path in which neither Express nor Fastify would find a pattern. @internal */
export const DOCUMENT_PATH = /^\/?(?!\.{1,2}(?:\/|$))[\w.~-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/;

/** What it is made of, for a message. @internal */
export const PATH_CHARACTERS = "letters, digits, '-', '.', '_', '~' and '/'";

/** What is used of Nest's adapters. @internal */
export interface DocumentServer {
  getType(): string;
  getInstance(): unknown;
  all(path: string, handler: (request: FrameworkRequest, response: ServerResponse) => void): unknown;
}

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
  readonly initialConfig?: { readonly ignoreTrailingSlash?: boolean; readonly routerOptions?: object };
  readonly supportedMethods: readonly string[];
  route(options: object): unknown;
}

/**
 * Puts a route on the HTTP framework itself, where Nest's guards, interceptors, pipes and filters
 * do not reach, and neither does the global prefix or a version.
 *
 * @internal
 */
export function serveRoute(adapter: DocumentServer, route: DocumentRoute): void {
  if (adapter.getType() === 'fastify') serveOnFastify(adapter.getInstance() as FastifyInstance, route);
  else
    adapter.all(
      route.path,
      (request: FrameworkRequest, response: ServerResponse) => void serve(route, request, response),
    );
}

async function serve(route: DocumentRoute, request: FrameworkRequest, response: ServerResponse): Promise<void> {
  const { status, headers, body } = await route.answer(read(request));
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, headers).end(body);
}

function serveOnFastify(instance: FastifyInstance, route: DocumentRoute): void {
  // To such a router that path is the one without the slash, which it has already.
  if (route.path.endsWith('/') && ignoresTrailingSlash(instance)) return;
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

function ignoresTrailingSlash({ initialConfig }: FastifyInstance): boolean {
  return [initialConfig, initialConfig?.routerOptions as typeof initialConfig].some(
    (config) => config?.ignoreTrailingSlash === true,
  );
}

function read({ method, headers }: FrameworkRequest): DocumentRequest {
  return { method, origin: headers.origin, ifNoneMatch: headers['if-none-match'] };
}
