import { shop, warehouse, type IdentityProvider } from './identity-provider.js';
import type { Transcript } from './transcript.js';

const ITEM = { item: 'a kettle' };

/** Who gets in, who does not, and what the identity provider may do meanwhile. */
export async function walkThrough(provider: IdentityProvider, transcript: Transcript): Promise<void> {
  await callers(provider, transcript);
  await scopes(provider, transcript);
  await forgery(provider, transcript);
  await rotation(provider, transcript);
  await outage(provider, transcript);
}

async function callers(provider: IdentityProvider, transcript: Transcript): Promise<void> {
  await transcript.play({
    title: 'No token: the challenge says what is missing',
    path: '/orders',
    expect: { status: 401, challenge: /^Bearer realm="orders"$/, body: { statusCode: 401, code: 'token_missing' } },
  });
  await transcript.play({
    title: 'A route that asks for none',
    path: '/orders/health',
    expect: { status: 200, body: { status: 'open for orders' } },
  });
  await transcript.play({
    title: 'A token of the shop, signed with RS256',
    path: '/orders',
    token: await provider.token(shop, 'orders:read'),
    expect: { status: 200, body: [{ customer: 'shop', item: 'a teapot' }] },
  });
  await transcript.play({
    title: 'A token of the warehouse, signed with ES256',
    path: '/orders',
    token: await provider.token(warehouse, 'orders:read'),
    expect: { status: 200, body: [{ customer: 'warehouse', item: 'forty teapots' }] },
  });
}

async function scopes(provider: IdentityProvider, transcript: Transcript): Promise<void> {
  const request = { method: 'POST', path: '/orders', body: ITEM } as const;
  await transcript.play({
    ...request,
    title: 'A good token without the scope of this route',
    token: await provider.token(shop, 'orders:read'),
    expect: {
      status: 403,
      challenge: /^Bearer realm="orders", error="insufficient_scope".* scope="orders:write"/,
      body: { statusCode: 403, code: 'insufficient_scope' },
    },
  });
  await transcript.play({
    ...request,
    title: 'The same with the scope',
    token: await provider.token(shop, 'orders:read orders:write'),
    expect: { status: 201, body: { customer: 'shop', ...ITEM } },
  });
}

async function forgery(provider: IdentityProvider, transcript: Transcript): Promise<void> {
  await transcript.play({
    title: 'A forged token: the warehouse claims to be the shop',
    path: '/orders',
    token: forge(await provider.token(warehouse, 'orders:read'), { sub: 'shop' }),
    expect: {
      status: 401,
      challenge: /^Bearer realm="orders", error="invalid_token"/,
      body: { statusCode: 401, code: 'signature_invalid' },
    },
  });
}

async function rotation(provider: IdentityProvider, transcript: Transcript): Promise<void> {
  transcript.announce('The identity provider rotates its keys');
  await provider.rotateKeys();
  await transcript.play({
    title: 'A token signed with a new key is accepted on its first use',
    path: '/orders',
    token: await provider.token(shop, 'orders:read'),
    expect: { status: 200, body: [{ item: 'a teapot' }, ITEM] },
  });
}

async function outage(provider: IdentityProvider, transcript: Transcript): Promise<void> {
  const token = await provider.token(warehouse, 'orders:read');
  await provider.stop();
  transcript.announce('The identity provider is down');
  await transcript.play({
    title: 'A good token is still accepted',
    path: '/orders',
    token,
    expect: { status: 200, body: [{ item: 'forty teapots' }] },
  });
}

/** Other claims under the old signature. */
function forge(token: string, claims: object): string {
  const [header, payload = '', signature] = token.split('.');
  const original = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const altered = Buffer.from(JSON.stringify({ ...original, ...claims })).toString('base64url');
  return [header, altered, signature].join('.');
}
