export { JwksHealthIndicator } from './jwks-health.indicator.js';

export type { JwksHealthDetail, JwksHealthOptions } from './jwks-health.indicator.js';
