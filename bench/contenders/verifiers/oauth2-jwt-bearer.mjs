import { Agent, get } from 'node:http';
import { serve } from '../servers/oauth2-jwt-bearer.mjs';

const OK = 200;
const UNAUTHORIZED = 401;

/** A middleware needs requests: it gets real ones, through a server of its own. */
export async function verifier({ issuers: [issuer], audience, algorithms: [algorithm], lifetime }) {
  const port = await serve({ issuer, audience, algorithm, lifetime });
  const agent = new Agent({ keepAlive: true });
  return async (token) => {
    const status = await ask({ port, agent, token });
    if (status !== OK) throw Object.assign(new Error(`Status code is ${status}`), { status });
  };
}

export function blamesToken({ status }) {
  return status === UNAUTHORIZED;
}

function ask({ port, agent, token }) {
  const options = { port, host: '127.0.0.1', path: '/orders', agent, headers: { authorization: `Bearer ${token}` } };
  return new Promise((resolve, reject) => {
    const request = get(options, (response) => response.resume().once('end', () => resolve(response.statusCode)));
    request.once('error', reject);
  });
}
