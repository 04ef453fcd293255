import { gzipSync } from 'node:zlib';
import { setTimeout as pause } from 'node:timers/promises';

const JSON_TYPE = { 'content-type': 'application/json' };
const PAGE = '<!doctype html><title>Sign in</title><form method="post"></form>';
const TOO_MUCH = Buffer.concat([Buffer.from('{"keys":['), Buffer.alloc(16 * 1024 * 1024, ' ')]);
const TOO_MUCH_ZIPPED = gzipSync(TOO_MUCH);

/**
 * How a provider answers a request for its set in each state.
 *
 * @type {Record<string, (at: {
 *   state: import('./states.mjs').State,
 *   seen: number,
 *   setOf: (keys: string[]) => object,
 *   request: import('node:http').IncomingMessage,
 *   response: import('node:http').ServerResponse,
 * }) => unknown>}
 */
const ANSWERS = {
  serves: ({ response, state, setOf }) => response.writeHead(200, JSON_TYPE).end(JSON.stringify(setOf(state.keys))),
  status: ({ response, state }) => response.writeHead(state.status, state.headers).end('{"error":"out of order"}'),
  hangs: () => undefined,
  stalls: ({ response }) => void half(response),
  breaksOff: ({ response }) => half(response).then(() => response.destroy()),
  resets: ({ request }) => request.socket.resetAndDestroy(),
  html: ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE),
  garbage: ({ response }) => response.writeHead(200, JSON_TYPE).end('{"keys":[{"kty":"EC",'),
  redirects: ({ response }) => response.writeHead(302, { location: '/sign-in' }).end(),
  oversized: ({ request, response }) => {
    const zips = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    response.writeHead(200, { ...JSON_TYPE, ...(zips && { 'content-encoding': 'gzip' }) });
    response.end(zips ? TOO_MUCH_ZIPPED : TOO_MUCH);
  },
  slow: async ({ state, ...at }) => {
    await pause(state.delay);
    return answer({ ...at, state: state.answer });
  },
  once: ({ state, ...at }) => answer({ ...at, state: at.seen === 0 ? state.first : state.later }),
  edges: ({ state, ...at }) => answer({ ...at, state: state.states[at.seen % state.states.length] }),
};

/** Answers in a state; `seen` is how many requests came before in it. */
export function answer(at) {
  return ANSWERS[at.state.kind](at);
}

/** Answers a request for anything but the set: where a redirect leads. */
export function answerElsewhere(response) {
  response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
}

function half(response) {
  response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' });
  return new Promise((sent) => response.write('{"keys":[{"kty":"EC",', sent));
}
