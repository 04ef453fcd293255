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
 * The bars of one adapter: a repeated token against the floor and the recipe, a new token each
 * against the recipe.
 */
function nestBars(platform, { again, anew }) {
  const [one, each] = [`${platform}, one token`, `${platform}, a new token each`];
  const rate = (id, text, { group, to, limit }) =>
    times(`${id}-${platform.toLowerCase()}`, 'nest', `Nest on ${platform}, ${text}`, {
      of: ours(group, 'rate'),
      to: [group, to, 'rate'],
      is: '>=',
      limit,
    });
  return [
    rate('nest-floor', 'a repeated token: requests, times those of an empty guard', {
      group: one,
      to: 'empty-guard',
      limit: 0.85,
    }),
    rate('nest-again', 'a repeated token: requests, times those of the recipe', {
      group: one,
      to: 'recipe',
      limit: again,
    }),
    rate('nest-anew', 'a new token each: requests, times those of the recipe', {
      group: each,
      to: 'recipe',
      limit: anew,
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
  times('keys-speed', 'key-lookup', 'a warm key look-up of jwks-rsa: CPU, times that of ours', {
    of: ['1 key', 'jwks-rsa', CPU],
    to: ours('1 key', CPU),
    is: '>=',
    limit: 4,
  }),
  times('keys-flat', 'key-lookup', 'a warm key look-up among 1,000 keys: CPU, times that with 1 key', {
    of: ours('1,000 keys', CPU),
    to: ours('1 key', CPU),
    is: '<=',
    limit: 1.3,
  }),
  times('first-jose', 'first-seen', 'a first-seen token: CPU, times that of jose with its remote set', {
    of: ours(ONE_BY_ONE, CPU),
    to: [ONE_BY_ONE, 'jose', CPU],
    is: '<=',
    limit: 1.1,
  }),
  times('first-jose-64', 'first-seen', 'the same, 64 at once', {
    of: ours(AT_ONCE, CPU),
    to: [AT_ONCE, 'jose', CPU],
    is: '<=',
    limit: 1.1,
  }),
  times('first-recipe', 'first-seen', 'a first-seen token with jsonwebtoken + jwks-rsa: CPU, times that of ours', {
    of: [ONE_BY_ONE, 'jsonwebtoken', CPU],
    to: ours(ONE_BY_ONE, CPU),
    is: '>=',
    limit: 3,
  }),
  times('first-recipe-64', 'first-seen', 'the same, 64 at once: time, times that of ours', {
    of: [AT_ONCE, 'jsonwebtoken', 'wall'],
    to: ours(AT_ONCE, 'wall'),
    is: '>=',
    limit: 3,
  }),
  times('repeated', 'repeated', 'a repeated token from the cache of fast-jwt: CPU, times that of ours', {
    of: ['RS256', 'fast-jwt-cached', CPU],
    to: ours('RS256', CPU),
    is: '>=',
    limit: 1,
  }),
  ...nestBars('Express', { again: 3, anew: 2 }),
  ...nestBars('Fastify', { again: 7, anew: 3.5 }),
  figureOf('expiry', 'expiry', 'the slowest request while sets expire and the identity provider takes 500 ms', {
    of: ours('Express', 'slowest'),
    limit: 50,
    unit: 'ms',
  }),
  figureOf('memory-tokens', 'memory', 'heap of 10,000 cached tokens', {
    of: ours('10,000 tokens kept', 'heap'),
    limit: 30,
    unit: 'MB',
  }),
  figureOf('memory-kids', 'memory', 'heap growth after 1,000,000 unknown kids', {
    of: ours('1,000,000 unknown kids', 'heap'),
    limit: 5,
    unit: 'MB',
  }),
  figureOf('import', 'import-time', 'importing `nestjs-jwks`, once Nest is loaded', {
    of: ours('after Nest', 'importMs'),
    limit: 80,
    unit: 'ms',
  }),
  figureOf('fleet', 'fleet', 'fetches of 8 processes on one store in the lifetime of a set', {
    of: ours('8 processes', 'fetches'),
    limit: 1.5,
    unit: '',
  }),
];
