import 'reflect-metadata';
import { once } from 'node:events';
import { NestFactory } from '@nestjs/core';
import { JwksService } from 'nestjs-jwks';
import { AppModule } from './app.module.js';
import { IdentityProvider, ORDERS_API, shop } from './identity-provider.js';
import { Transcript } from './transcript.js';
import { walkThrough } from './walkthrough.js';

const provider = new IdentityProvider();
await provider.start();
process.env['OIDC_ISSUER'] = provider.issuer;

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
const origin = await app.getUrl();
console.log(`Identity provider: ${provider.issuer}\nOrders API:        ${origin}`);

try {
  if (process.argv.includes('--serve')) await serve();
  else process.exitCode = (await demonstrate()) ? 0 : 1;
} finally {
  await app.close();
  await provider.stop();
}

async function demonstrate(): Promise<boolean> {
  const transcript = new Transcript(origin);
  app.get(JwksService).events$.subscribe((event) => {
    if (event.type !== 'set.rotated') return;
    transcript.note(`the API took over ${event.added.join(' and ')} for ${event.removed.join(' and ')}`);
  });
  await walkThrough(provider, transcript);
  console.log(transcript.passed ? '\nEvery step answered as it should.' : '\nNot every step answered as it should.');
  return transcript.passed;
}

async function serve(): Promise<void> {
  const token = await provider.token(shop, 'orders:read orders:write');
  console.log(`
Try, in another terminal:

  TOKEN=${token}
  curl -i ${origin}/orders
  curl -i ${origin}/orders -H "Authorization: Bearer $TOKEN"
  curl -i ${origin}/orders -H "Authorization: Bearer $TOKEN" --json '{"item":"a kettle"}'
  curl ${origin}/metrics
  curl ${origin}/health
  npx nestjs-jwks inspect ${provider.issuer} --token "$TOKEN" --audience orders-api

That token is good for an hour. Another one:

  curl ${provider.issuer}/token -d grant_type=client_credentials -d client_id=${shop.id} \\
    --data-urlencode 'client_secret=${shop.secret}' -d resource=${ORDERS_API} -d scope=orders:read

Ctrl-C ends it.`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  console.log('\nClosing.');
}
