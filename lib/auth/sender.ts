import type { ExecutionContext } from '@nestjs/common';
import { SenderProof, type RequestTarget, type TokenScheme } from '../proof/sender-proof.js';
import type { JwksService } from '../jwks.service.js';
import { sentScheme } from './request/credentials.js';
import { fieldsOf, type Fields } from './fields.js';
import { isHttpExchange, isHttpRequest } from './request/request-context.js';
import { requestStateOf } from './request/request-state.js';

/** How a token came, and what its sender proves possession by. @internal */
export interface Sender {
  readonly scheme: TokenScheme | undefined;
  readonly proof: SenderProof | undefined;
}

const NOT_ASKED: Sender = { scheme: undefined, proof: undefined };

/**
 * The sender of a request; without `context` one of HTTP. Costs nothing where senders are not
 * checked.
 *
 * @internal
 */
export function senderOf(jwks: JwksService, request: unknown, context?: ExecutionContext): Sender {
  const { dpop, mtls } = jwks.settings.sender;
  if (dpop === undefined && mtls === undefined) return NOT_ASKED;
  const isHttp = context ? isHttpRequest(request, context) : isHttpExchange(request);
  return {
    scheme: dpop ? sentScheme(request, context) : 'Bearer',
    proof: isHttp ? proofOf(request as object) : undefined,
  };
}

/** One for each request, for its proof is checked once. */
function proofOf(request: object): SenderProof {
  const state = requestStateOf(request);
  state.proof ??= new HttpSenderProof(request);
  return state.proof;
}

/** Reads a request of Express, Fastify or Node itself. */
class HttpSenderProof extends SenderProof {
  private readonly fields: Fields;
  /** Fastify keeps Node's request as `raw`. */
  private readonly raw: Fields;
  private readonly headers: Fields;

  constructor(readonly request: object) {
    super();
    this.fields = fieldsOf(request);
    this.raw = fieldsOf(this.fields['raw']);
    this.headers = fieldsOf(this.fields['headers']);
  }

  get method(): string {
    return String(this.fields['method']);
  }

  get requestTarget(): string {
    const { fields, raw } = this;
    return String(fields['originalUrl'] ?? raw['originalUrl'] ?? fields['url'] ?? raw['url'] ?? '');
  }

  get socket(): unknown {
    return this.fields['socket'] ?? this.raw['socket'];
  }

  header(name: string): unknown {
    return Object.hasOwn(this.headers, name) ? this.headers[name] : undefined;
  }

  /** The frameworks know which proxies they trust; `X-Forwarded-*` is not read here. */
  target(): RequestTarget {
    const { protocol, host } = this.fields;
    const isEncrypted = fieldsOf(this.socket)['encrypted'] === true;
    return {
      protocol: typeof protocol === 'string' ? protocol : isEncrypted ? 'https' : 'http',
      authority: this.isAmbiguous() ? undefined : (text(host) ?? text(this.sentAuthority)),
    };
  }

  /** Of HTTP/2 `:authority` counts. */
  private get sentAuthority(): unknown {
    return this.header(':authority') ?? this.header('host');
  }

  /** Node keeps the first of several `Host` headers, and proxies another one. */
  private isAmbiguous(): boolean {
    const host = this.header('host') ?? this.sentAuthority;
    if (text(host)?.toLowerCase() !== text(this.sentAuthority)?.toLowerCase()) return true;
    const rawHeaders = this.fields['rawHeaders'] ?? this.raw['rawHeaders'];
    if (!Array.isArray(rawHeaders)) return false;
    const names = rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(String(name)));
    return names.length > 1;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
