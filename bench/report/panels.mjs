// What the picture shows of the results.

export const PANELS = [
  {
    measure: 'nest',
    group: 'Fastify, one token',
    metric: 'added',
    title: 'Protecting a route, Fastify, a repeated token',
  },
  {
    measure: 'nest',
    group: 'Express, one token',
    metric: 'added',
    title: 'Protecting a route, Express, a repeated token',
  },
  {
    measure: 'nest',
    group: 'Fastify, a new token each',
    metric: 'added',
    title: 'Protecting a route, Fastify, a new token each',
  },
  {
    measure: 'nest',
    group: 'Express, a new token each',
    metric: 'added',
    title: 'Protecting a route, Express, a new token each',
  },
  {
    measure: 'first-seen',
    group: 'RS256, one by one',
    metric: 'cpu',
    title: 'CPU of a token never seen before (RS256)',
  },
  { measure: 'repeated', group: 'RS256', metric: 'cpu', title: 'CPU of the same token again (RS256)' },
  {
    measure: 'expiry',
    group: 'Express',
    metric: 'slowest',
    title: 'Slowest request while sets expire',
  },
  {
    measure: 'fleet',
    group: '8 processes',
    metric: 'fetches',
    title: 'Fetches of 8 processes in a lifetime',
  },
];

/** Titles that are too long to stand beside a bar. */
export const SHORT = {
  'nestjs-jwks': 'nestjs-jwks',
  'nestjs-jwks-uncached': 'nestjs-jwks, no cache',
  'nestjs-jwks-alone': 'nestjs-jwks, no store',
  recipe: 'passport-jwt + jwks-rsa',
  'jose-guard': 'a guard on jose, by hand',
  'aws-guard': 'a guard on aws-jwt-verify',
  'aws-jwt-verify-sync': 'aws-jwt-verify, verifySync',
  'oauth2-jwt-bearer': 'express-oauth2-jwt-bearer',
  jose: 'jose, remote set',
  'fast-jwt-cached': 'fast-jwt cache + get-jwks',
  'fast-jwt-pem': 'fast-jwt cache, one PEM',
};
