// The README and docs/ as a site. Links are checked by the build: a dead one fails it.
import { defineConfig } from 'vitepress';

const page = (text, path) => ({ text, link: `/docs/${path}` });

export default defineConfig({
  title: 'nestjs-jwks',
  description: 'Trust the right tokens in NestJS, with keys that survive rotations and outages',
  srcDir: './pages',
  outDir: './dist',
  cacheDir: './.cache',
  rewrites: {
    'README.md': 'index.md',
    'docs/providers/README.md': 'docs/providers/index.md',
  },
  cleanUrls: true,
  // Of the repository, not of the site.
  ignoreDeadLinks: [/\/(CHANGELOG|CONTRIBUTING|LICENSE|bench|sample|test|alerts|grafana-dashboard)\b/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [page('Options', 'options'), page('Errors', 'errors'), page('Providers', 'providers/')],
    sidebar: [
      {
        text: 'Routes and tokens',
        items: [
          { text: 'Quick start', link: '/' },
          page('Identity providers', 'providers/'),
          page('Protecting routes', 'protecting-routes'),
          page('Several issuers', 'multiple-issuers'),
          page('Tokens bound to their sender', 'sender-constrained'),
          page('Step-up', 'step-up'),
          page('GraphQL, WebSocket, microservices', 'transports'),
          page('Passport', 'passport'),
          page('The service and the client', 'service-and-client'),
          page('MCP and resource metadata', 'mcp'),
          page('Testing', 'testing'),
        ],
      },
      {
        text: 'Keys',
        items: [
          page('Caching and rotation', 'caching'),
          page('A shared store', 'shared-store'),
          page('Network and sources', 'network'),
          page('Publishing keys', 'publishing'),
          page('Rotating keys', 'key-rotation'),
        ],
      },
      {
        text: 'Running it',
        items: [
          page('Options', 'options'),
          page('Errors', 'errors'),
          page('Observability', 'observability'),
          page('Operations', 'operations'),
          page('Benchmarks', 'benchmarks'),
          { text: 'Security', link: '/SECURITY' },
          page('Upgrading', 'upgrading'),
          page('Architecture', 'architecture'),
        ],
      },
      {
        text: 'Migrating from',
        items: [
          page('passport-jwt and jwks-rsa', 'migrating/passport-jwt'),
          page('nest-keycloak-connect', 'migrating/nest-keycloak-connect'),
          page('@nestjs/cognito', 'migrating/nestjs-cognito'),
          page('express-oauth2-jwt-bearer', 'migrating/express-oauth2-jwt-bearer'),
          page('jose', 'migrating/jose'),
          page('PyJWT', 'migrating/pyjwt'),
        ],
      },
    ],
  },
});
