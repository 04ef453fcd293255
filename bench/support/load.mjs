import { once } from 'node:events';
import { connect } from 'node:net';

const LINE = Buffer.from('HTTP/1.1 ');
const GOOD = '200';

/**
 * Requests in one piece of memory: a batch is a view of it, so that what makes the load costs next
 * to nothing beside what bears it.
 */
export class Requests {
  #bytes;
  #starts = [];
  #next = 0;

  constructor(tokens) {
    const parts = tokens.map((token) =>
      Buffer.from(`GET /orders HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer ${token}\r\n\r\n`),
    );
    let at = 0;
    for (const { length } of parts) {
      this.#starts.push(at);
      at += length;
    }
    this.#starts.push(at);
    this.#bytes = Buffer.concat(parts);
  }

  /** So many that follow each other, from the start again where the rest is too short. */
  take(count) {
    if (this.#next + count >= this.#starts.length) this.#next = 0;
    const from = this.#next;
    this.#next += count;
    return this.#bytes.subarray(this.#starts[from], this.#starts[this.#next]);
  }
}

/**
 * Keeps connections full of requests for a while: `depth` of them in flight on each, over HTTP/1.1
 * with keep-alive and pipelining.
 *
 * @returns {Promise<{ good: number, bad: number, seconds: number }>} how many were answered with
 * 200, and how many otherwise
 */
export async function load({ port, requests, connections, depth, seconds }) {
  const total = { good: 0, bad: 0 };
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  await Promise.all(sockets.map((socket) => keepFull(socket, { requests, depth, until, total })));
  const took = (performance.now() - startedAt) / 1_000;
  for (const socket of sockets) socket.destroy();
  return { ...total, seconds: took };
}

async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

function keepFull(socket, { requests, depth, until, total }) {
  return new Promise((resolve, reject) => {
    let missing = depth;
    let rest = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection')));
    socket.on('data', (chunk) => {
      const { good, bad, tail } = answersIn(rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk);
      rest = tail;
      total.good += good;
      total.bad += bad;
      missing -= good + bad;
      if (missing > 0) return;
      if (performance.now() >= until) return resolve();
      missing = depth;
      socket.write(requests.take(depth));
    });
    socket.write(requests.take(depth));
  });
}

/**
 * Status lines in some bytes of a connection, and the bytes at their end that may be half of one.
 * No body holds what looks like one.
 */
function answersIn(bytes) {
  let good = 0;
  let bad = 0;
  let read = 0;
  for (let at = bytes.indexOf(LINE); at >= 0; at = bytes.indexOf(LINE, read)) {
    const status = bytes.latin1Slice(at + LINE.length, at + LINE.length + GOOD.length);
    if (status.length < GOOD.length) break;
    if (status === GOOD) good += 1;
    else bad += 1;
    read = at + LINE.length + GOOD.length;
  }
  return { good, bad, tail: bytes.subarray(Math.max(read, bytes.length - LINE.length - GOOD.length + 1)) };
}
