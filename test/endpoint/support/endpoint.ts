import { randomBytes } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';
import type { JwksEndpointOptions, JwksKeyRing, JwksSigner } from '../../../lib/endpoint/index.js';
import type { DocumentAnswer, DocumentRequest } from '../../../lib/documents/document-answer.js';
import { JwksEndpoint } from '../../../lib/endpoint/jwks-endpoint.js';
import type { Publisher } from '../../../lib/endpoint/publication.js';
import { ManualClock } from '../../support/manual-clock.js';

export const ISSUER = 'https://billing.internal';

export function encryptionKey(): string {
  return randomBytes(32).toString('base64url');
}

/** The endpoint of one process, without Nest. */
export class Publishing {
  private constructor(
    private readonly endpoint: JwksEndpoint,
    readonly clock: ManualClock,
    readonly lines: readonly string[],
  ) {}

  static async start(options: JwksEndpointOptions, clock = new ManualClock()): Promise<Publishing> {
    const lines: string[] = [];
    const logger = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
    return new Publishing(await JwksEndpoint.open({ issuer: ISSUER, ...options }, { clock, logger }), clock, lines);
  }

  get ring(): JwksKeyRing {
    const { ring } = this.endpoint;
    if (!ring) throw new Error('These options make no key ring');
    return ring;
  }

  get signer(): JwksSigner {
    return this.endpoint.signer;
  }

  get current(): string | undefined {
    return this.kids('current')[0];
  }

  kids(state: 'next' | 'current' | 'previous'): string[] {
    return this.ring
      .status()
      .keys.filter((key) => key.state === state)
      .map(({ kid }) => kid);
  }

  publishFrom(publisher: Publisher): void {
    this.endpoint.publishFrom(publisher);
  }

  get(request: Partial<DocumentRequest> = {}): Promise<DocumentAnswer> {
    return this.ask(0, request);
  }

  metadata(request: Partial<DocumentRequest> = {}): Promise<DocumentAnswer> {
    return this.ask(1, request);
  }

  async set(): Promise<JSONWebKeySet> {
    const { body } = await this.get();
    return JSON.parse(body.toString()) as JSONWebKeySet;
  }

  async published(): Promise<(string | undefined)[]> {
    return (await this.set()).keys.map(({ kid }) => kid);
  }

  private ask(index: number, request: Partial<DocumentRequest>): Promise<DocumentAnswer> {
    const route = this.endpoint.routes()[index];
    if (!route) throw new Error('These options make no such route');
    return route.answer({ method: 'GET', origin: undefined, ifNoneMatch: undefined, ...request });
  }
}

/** `max-age` and its like, in seconds. */
export function directive(answer: DocumentAnswer, name: string): number {
  const value = new RegExp(`${name}=(\\d+)`).exec(answer.headers['Cache-Control'] ?? '')?.[1];
  return Number(value);
}
