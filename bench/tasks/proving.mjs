import 'reflect-metadata';
import { createHash, createPublicKey, KeyObject, randomUUID, sign, verify } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { JwksAuthGuard, JwksModule } from 'nestjs-jwks';
import { TestIssuer } from 'nestjs-jwks/testing';
import { timed } from './stopwatch.mjs';

const ORIGIN = 'https://api.example.com';
const ENCODING = { dsaEncoding: 'ieee-p1363' };

class Route {
  handle() {}
}
const response = { raw: {}, header() {}, getHeader() {} };
let proofs;
let check;

/** A client with a key, a token that is bound to it, and who looks at its proofs. */
export async function prepare({ contender }) {
  const issuer = await TestIssuer.start({ audience: 'orders-api' });
  const key = await issuer.createDpopKey();
  const token = await issuer.sign({ sub: 'user' }, { dpop: key, expiresIn: '1h' });
  proofs = makerOf(key, token);
  check = contender === 'bare-crypto' ? bareCheck(key) : await guardCheck(issuer, token);
  const [used, ...fresh] = proofs(3);
  if (!(await accepts(used))) throw new Error('rejects a good proof, so it is not measured');
  if (await accepts(damaged(fresh[0]))) throw new Error('accepts a damaged proof, so it is not measured');
  if (contender !== 'bare-crypto' && (await accepts(used))) throw new Error('accepts a proof twice');
  if (!(await accepts(fresh[1]))) throw new Error('rejects a good proof, so it is not measured');
}

/** Proofs that are made before anything is measured, each for a request of its own. */
export async function prove({ count }) {
  const made = proofs(count);
  return timed(async () => {
    for (const proof of made) await check(proof);
    return count;
  });
}

/** One token that is known, and a guard that is asked without a server. */
async function guardCheck(issuer, token) {
  const imports = [JwksModule.forRoot({ ...issuer.options(), dpop: { publicUrl: ORIGIN } })];
  const module = { module: class AppModule {}, imports };
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false });
  await app.init();
  const guard = app.get(JwksAuthGuard, { strict: false });
  const authorization = `DPoP ${token}`;
  return (dpop) => {
    const request = { method: 'GET', originalUrl: '/orders', headers: { authorization, dpop }, raw: {} };
    return guard.canActivate(new ExecutionContextHost([request, response], Route, Route.prototype.handle));
  };
}

/** The signature and nothing else, under a key in hand. */
function bareCheck({ jwk }) {
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), ...ENCODING };
  return (proof) => {
    const dot = proof.lastIndexOf('.');
    const signature = Buffer.from(proof.slice(dot + 1), 'base64url');
    if (!verify('sha256', Buffer.from(proof.slice(0, dot)), key, signature)) throw new Error('bad signature');
  };
}

function makerOf({ jwk, privateKey }, token) {
  const key = { key: KeyObject.from(privateKey), ...ENCODING };
  const header = encode({ alg: 'ES256', typ: 'dpop+jwt', jwk });
  const ath = createHash('sha256').update(token).digest('base64url');
  return (count) =>
    Array.from({ length: count }, () => {
      const iat = Math.floor(Date.now() / 1_000);
      const text = `${header}.${encode({ jti: randomUUID(), htm: 'GET', htu: `${ORIGIN}/orders`, iat, ath })}`;
      const proof = `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
      // Flat text, as a parser of HTTP makes it.
      return Buffer.from(proof, 'latin1').toString('latin1');
    });
}

function damaged(proof) {
  const middle = proof.lastIndexOf('.') + 10;
  return proof.slice(0, middle) + (proof[middle] === 'A' ? 'B' : 'A') + proof.slice(middle + 1);
}

async function accepts(proof) {
  try {
    await check(proof);
    return true;
  } catch {
    return false;
  }
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
