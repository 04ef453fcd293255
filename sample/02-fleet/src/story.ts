import { SIZE, TTL, type Fleet } from './fleet.js';
import type { Timeline } from './timeline.js';
import type { Traffic } from './traffic.js';

/**
 * The most fetches in the life of a set: a little more than one, for it is refreshed before its
 * time.
 */
const PER_LIFETIME = 1.5;

/**
 * The life of a fleet, in under a minute. Returns the most fetches that the identity provider
 * should have seen.
 */
export async function play(fleet: Fleet, traffic: Traffic, timeline: Timeline): Promise<number> {
  const { issuer, redis } = fleet;
  let bound = SIZE;
  const pass = async (seconds: number, fetching: number) => {
    bound += Math.ceil((seconds / TTL) * PER_LIFETIME * fetching);
    await timeline.pass(seconds);
  };

  timeline.happens(`${SIZE} API processes share a Redis; a key set is fresh for ${TTL} s. They fetch for one another.`);
  await pass(12, 1);

  timeline.happens('The identity provider rotates its keys. Tokens of the new key are sent from now on.');
  await issuer.rotate();
  traffic.token = await issuer.sign();
  bound += SIZE;
  await pass(4, 1);

  timeline.happens('The identity provider goes down.');
  await issuer.down();
  await pass(4, 0);
  timeline.happens('An API process is killed, and another one started: it finds the keys in Redis.');
  await fleet.replace(1);
  await pass(4, 0);

  timeline.happens('The identity provider is back.');
  await issuer.up();
  bound += SIZE;
  await pass(4, 1);

  timeline.happens('Redis is killed: each process fetches for itself.');
  await redis.kill();
  await pass(6, SIZE);
  timeline.happens('Redis is back, empty.');
  await redis.restart();
  await pass(6, SIZE);

  timeline.happens('Two API processes are killed, and others started.');
  await fleet.replace(2);
  await pass(4, 1);
  return bound;
}
