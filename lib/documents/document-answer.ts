import { createHash } from 'node:crypto';

/** Origins that may read a document from a browser: exact ones, or `'*'` for all. @internal */
export type DocumentCors = '*' | readonly string[];

/** What matters of a request. @internal */
export interface DocumentRequest {
  readonly method: string;
  readonly origin: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** @internal */
export interface DocumentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A document as it is at the moment. @internal */
export interface Document {
  readonly contentType: string;
  readonly body: string;
  readonly cacheControl: string;
}

const METHODS = 'GET, HEAD, OPTIONS';
const EMPTY = Buffer.alloc(0);
/** What a browser remembers of a preflight, in seconds: most take no more. */
const PREFLIGHT_MAX_AGE = 7_200;
/** In seconds. */
const RETRY_AFTER = { usual: 5, longest: 60 };

/** The answer to any request for one document. Never rejects. @internal */
export async function answer(
  request: DocumentRequest,
  cors: DocumentCors | undefined,
  load: () => Promise<Document>,
): Promise<DocumentAnswer> {
  const headers = { 'X-Content-Type-Options': 'nosniff', ...corsHeaders(request, cors) };
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return load().then(
        (document) => documentAnswer(document, request, headers),
        (error: unknown) => unavailable(error, headers),
      );
    case 'OPTIONS':
      return { status: 204, headers: { ...headers, Allow: METHODS, ...preflightHeaders(headers) }, body: EMPTY };
    default:
      return { status: 405, headers: { ...headers, Allow: METHODS, 'Content-Length': '0' }, body: EMPTY };
  }
}

function documentAnswer(
  { contentType, body: text, cacheControl }: Document,
  { ifNoneMatch }: DocumentRequest,
  others: Readonly<Record<string, string>>,
): DocumentAnswer {
  const body = Buffer.from(text);
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  const headers = { ...others, ETag: etag, 'Cache-Control': cacheControl };
  if (matches(ifNoneMatch, etag)) return { status: 304, headers, body: EMPTY };
  const described = { ...headers, 'Content-Type': contentType, 'Content-Length': String(body.length) };
  return { status: 200, headers: described, body };
}

/** RFC 9110 section 13.1.2: a list of tags, compared weakly. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags !== undefined && (tags.includes(etag) || tags.includes('*'));
}

/** An outage: no cache may keep it. */
function unavailable(error: unknown, others: Readonly<Record<string, string>>): DocumentAnswer {
  const { retryAfter } = (error ?? {}) as { retryAfter?: unknown };
  const { usual, longest } = RETRY_AFTER;
  const seconds =
    typeof retryAfter === 'number' ? Math.min(longest, Math.max(1, Math.ceil(retryAfter / 1_000))) : usual;
  const body = Buffer.from(JSON.stringify({ statusCode: 503, message: 'Not available at the moment' }));
  const headers = {
    ...others,
    'Retry-After': String(seconds),
    'Cache-Control': 'no-store',
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
  };
  return { status: 503, headers, body };
}

/**
 * Never with credentials: the document is public. With a list a shared cache must keep the origins
 * apart.
 */
function corsHeaders({ origin }: DocumentRequest, cors: DocumentCors | undefined): Record<string, string> {
  if (cors === undefined) return {};
  if (cors === '*') return { 'Access-Control-Allow-Origin': '*' };
  const isAllowed = origin !== undefined && cors.includes(origin);
  return { Vary: 'Origin', ...(isAllowed && { 'Access-Control-Allow-Origin': origin }) };
}

function preflightHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  if (!('Access-Control-Allow-Origin' in headers)) return {};
  return {
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': '*',
    'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE),
  };
}
