// What must hold. A bar names a figure of ours, and where it is a ratio the figure that it is
// compared with.

const CPU = 'cpu';
const ONE_BY_ONE = 'RS256, one by one';
const AT_ONCE = 'RS256, 64 at once';

/** A ratio of two figures of a measure, each `[group, contender, metric]`. */
function times(id, measure, text, { of, to, is, limit }) {
  return { id, measure, text, of, to, is, limit, unit: 'x' };
}

/** A figure by itself. */
function figureOf(id, measure, text, { of, limit, unit }) {
  return { id, measure, text, of, is: '<=', limit, unit };
}

function ours(group, metric) {
  return [group, 'nestjs-jwks', metric];
}

/**
 * The bars of one adapter: what protecting a route adds to a request, above an empty guard. Requests a
 * second say more of the adapter than of us; they must not fall far below those of that guard.
 */
function nestBars(platform, { again }) {
  const [one, each] = [`${platform}, one token`, `${platform}, a new token each`];
  const added = (id, text, { group, to, limit }) =>
    times(`${id}-${platform.toLowerCase()}`, 'nest', `CPU that protecting a route adds, ${platform}, ${text}`, {
      of: ours(group, 'added'),
      to: [group, to, 'added'],
      is: '<=',
      limit,
    });
  return [
    times(
      `nest-floor-${platform.toLowerCase()}`,
      'nest',
      `Nest on ${platform}, one repeated token: our requests ÷ an empty guard`,
      {
        of: ours(one, 'rate'),
        to: [one, 'empty-guard', 'rate'],
        is: '>=',
        limit: 0.85,
      },
    ),
    added('nest-again', 'one repeated token: ours ÷ the recipe', { group: one, to: 'recipe', limit: again }),
    added('nest-anew', 'a new token each: ours ÷ the recipe', { group: each, to: 'recipe', limit: 0.35 }),
    added('nest-anew-jose', 'a new token each: ours ÷ a guard on jose', { group: each, to: 'jose-guard', limit: 0.9 }),
    added('nest-anew-aws', 'a new token each: ours ÷ a guard on aws-jwt-verify', {
      group: each,
      to: 'aws-guard',
      limit: 1,
    }),
  ];
}

/** The bars of one algorithm for a token that was never seen, one by one. */
function firstSeenBars(alg, { bare, aws, jose, together }) {
  const [one, many] = [`${alg}, one by one`, `${alg}, 64 at once`];
  const cpu = (id, text, { group, to, limit }) =>
    times(`${id}-${alg.toLowerCase()}`, 'first-seen', `New tokens (${alg}), ${text}`, {
      of: ours(group, CPU),
      to: [group, to, CPU],
      is: '<=',
      limit,
    });
  return [
    cpu('first-bare', 'one by one: our CPU ÷ a bare `crypto.verify`', { group: one, to: 'bare-crypto', limit: bare }),
    cpu('first-aws', 'one by one: our CPU ÷ aws-jwt-verify `verifySync`', {
      group: one,
      to: 'aws-jwt-verify-sync',
      limit: aws,
    }),
    cpu('first-jose', 'one by one: our CPU ÷ jose with its remote set', { group: one, to: 'jose', limit: jose }),
    cpu('first-jose-64', '64 at once: our CPU ÷ jose with its remote set', {
      group: many,
      to: 'jose',
      limit: together,
    }),
  ];
}

/**
 * @typedef {object} Bar
 * @property {string} id
 * @property {string} measure
 * @property {string} text
 * @property {[group: string, contender: string, metric: string]} of
 * @property {[group: string, contender: string, metric: string]} [to] the value is `of` divided by
 * this
 * @property {'>=' | '<='} is
 * @property {number} limit
 * @property {string} unit `x` for a ratio
 *
 * @type {Bar[]}
 */
export const BARS = [
  times('keys-speed', 'key-lookup', 'Key look-up, set in memory: CPU of jwks-rsa ÷ ours', {
    of: ['1 key', 'jwks-rsa', CPU],
    to: ours('1 key', CPU),
    is: '>=',
    limit: 4,
  }),
  times('keys-flat', 'key-lookup', 'Key look-up, set in memory: CPU with 1,000 keys ÷ with 1 key', {
    of: ours('1,000 keys', CPU),
    to: ours('1 key', CPU),
    is: '<=',
    limit: 1.3,
  }),
  ...firstSeenBars('RS256', { bare: 1.4, aws: 0.95, jose: 0.35, together: 0.55 }),
  ...firstSeenBars('ES256', { bare: 1.25, aws: 0.95, jose: 0.5, together: 0.8 }),
  times('first-recipe', 'first-seen', 'New tokens, one by one: CPU of jsonwebtoken + jwks-rsa ÷ ours', {
    of: [ONE_BY_ONE, 'jsonwebtoken', CPU],
    to: ours(ONE_BY_ONE, CPU),
    is: '>=',
    limit: 5,
  }),
  times('first-recipe-64', 'first-seen', 'New tokens, 64 at once: time of jsonwebtoken + jwks-rsa ÷ ours', {
    of: [AT_ONCE, 'jsonwebtoken', 'wall'],
    to: ours(AT_ONCE, 'wall'),
    is: '>=',
    limit: 3,
  }),
  times('repeated', 'repeated', 'One repeated token: our CPU ÷ the fast-jwt cache', {
    of: ours('RS256', CPU),
    to: ['RS256', 'fast-jwt-cached', CPU],
    is: '<=',
    limit: 0.7,
  }),
  ...nestBars('Express', { again: 0.1 }),
  ...nestBars('Fastify', { again: 0.04 }),
  times('loop', 'event-loop', 'Event loop under forged tokens of all keys of a set: our 99 % delay ÷ jose', {
    of: ours('RS256, ES256 and ES512', 'loopDelay'),
    to: ['RS256, ES256 and ES512', 'jose', 'loopDelay'],
    is: '<=',
    limit: 1.5,
  }),
  figureOf('expiry', 'expiry', 'Slowest request while sets expire and the identity provider takes 500 ms', {
    of: ours('Express', 'slowest'),
    limit: 50,
    unit: 'ms',
  }),
  figureOf('memory-tokens', 'memory', 'Heap of 10,000 remembered tokens', {
    of: ours('10,000 tokens kept', 'heap'),
    limit: 30,
    unit: 'MB',
  }),
  times('memory-issuers', 'memory', 'Heap of 1,000 issuers of 10 keys: ours ÷ jose', {
    of: ours('1,000 issuers of 10 keys', 'heap'),
    to: ['1,000 issuers of 10 keys', 'jose', 'heap'],
    is: '<=',
    limit: 1,
  }),
  figureOf('memory-kids', 'memory', 'Heap growth after 1,000,000 unknown kids', {
    of: ours('1,000,000 unknown kids', 'heap'),
    limit: 5,
    unit: 'MB',
  }),
  figureOf('import', 'import-time', 'Importing `nestjs-jwks`, with Nest already loaded', {
    of: ours('after Nest', 'importMs'),
    limit: 80,
    unit: 'ms',
  }),
  figureOf('fleet', 'fleet', 'Fetches of 8 processes with one store, per lifetime of a set', {
    of: ours('8 processes', 'fetches'),
    limit: 1.5,
    unit: '',
  }),
];
