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
    rate('nest-floor', 'one repeated token: our requests ÷ an empty guard', {
      group: one,
      to: 'empty-guard',
      limit: 0.85,
    }),
    rate('nest-again', 'one repeated token: our requests ÷ the recipe', {
      group: one,
      to: 'recipe',
      limit: again,
    }),
    rate('nest-anew', 'a new token per request: our requests ÷ the recipe', {
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
  times('first-jose', 'first-seen', 'New tokens, one by one: our CPU ÷ jose with its remote set', {
    of: ours(ONE_BY_ONE, CPU),
    to: [ONE_BY_ONE, 'jose', CPU],
    is: '<=',
    limit: 1.1,
  }),
  times('first-jose-64', 'first-seen', 'New tokens, 64 at once: our CPU ÷ jose with its remote set', {
    of: ours(AT_ONCE, CPU),
    to: [AT_ONCE, 'jose', CPU],
    is: '<=',
    limit: 1.1,
  }),
  times('first-recipe', 'first-seen', 'New tokens, one by one: CPU of jsonwebtoken + jwks-rsa ÷ ours', {
    of: [ONE_BY_ONE, 'jsonwebtoken', CPU],
    to: ours(ONE_BY_ONE, CPU),
    is: '>=',
    limit: 3,
  }),
  times('first-recipe-64', 'first-seen', 'New tokens, 64 at once: time of jsonwebtoken + jwks-rsa ÷ ours', {
    of: [AT_ONCE, 'jsonwebtoken', 'wall'],
    to: ours(AT_ONCE, 'wall'),
    is: '>=',
    limit: 3,
  }),
  times('repeated', 'repeated', 'One repeated token: CPU of the fast-jwt cache ÷ ours', {
    of: ['RS256', 'fast-jwt-cached', CPU],
    to: ours('RS256', CPU),
    is: '>=',
    limit: 1,
  }),
  ...nestBars('Express', { again: 3, anew: 2 }),
  ...nestBars('Fastify', { again: 7, anew: 3.5 }),
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
