import { once } from 'node:events';
import express from 'express';
import { auth } from 'express-oauth2-jwt-bearer';

/** On plain Express: it has no Nest to pay for. */
export async function serve({ issuer: { issuer, jwksUri }, audience, lifetime, algorithm = 'RS256' }) {
  const app = express();
  const options = { issuer, jwksUri, audience, tokenSigningAlg: algorithm };
  app.get('/orders', auth({ ...options, ...(lifetime && { cacheMaxAge: lifetime }) }), (_request, response) => {
    response.json({ orders: [], total: 0 });
  });
  // Express would log each rejection.
  app.use((error, _request, response, _next) =>
    response
      .status(error.status ?? 500)
      .set(error.headers ?? {})
      .end(),
  );
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}
