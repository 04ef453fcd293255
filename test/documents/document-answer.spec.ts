import { describe, expect, it } from 'vitest';
import { answer, type Document, type DocumentRequest } from '../../lib/documents/document-answer.js';

const document: Document = { contentType: 'application/json', body: '{"a":"é"}', cacheControl: 'public, max-age=600' };

function ask(request: Partial<DocumentRequest>, load: () => Promise<Document> = async () => document) {
  return answer({ method: 'GET', origin: undefined, ifNoneMatch: undefined, ...request }, '*', load);
}

describe('the answer to a request for a document', () => {
  it('is the document with its length in bytes', async () => {
    const { status, headers, body } = await ask({});
    expect([status, body.toString()]).toEqual([200, document.body]);
    expect(headers).toMatchObject({ 'Content-Type': 'application/json', 'Content-Length': '10' });
    expect(headers).toMatchObject({ 'Cache-Control': 'public, max-age=600', 'Access-Control-Allow-Origin': '*' });
  });

  it('is 304 for its own tag, whatever stands beside it', async () => {
    const { headers } = await ask({});
    for (const ifNoneMatch of [headers['ETag'], `"a,b", W/${headers['ETag']}`, '*'])
      expect((await ask({ ifNoneMatch })).status).toBe(304);
    for (const ifNoneMatch of ['', '"', 'W/', `${headers['ETag']}x`])
      expect((await ask({ ifNoneMatch })).status).toBe(200);
  });

  it('is 405 for methods that change something, without asking for the document', async () => {
    const load = () => Promise.reject(new Error('asked'));
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'get', 'TRACE', '__proto__'])
      expect(await ask({ method }, load)).toMatchObject({ status: 405, headers: { Allow: 'GET, HEAD, OPTIONS' } });
  });

  it('is 503 while there is no document, and keeps the reason to itself', async () => {
    const { status, headers, body } = await ask({}, () => Promise.reject(new Error('secret')));
    expect([status, headers['Cache-Control']]).toEqual([503, 'no-store']);
    expect(body.toString()).not.toContain('secret');
  });
});
