export { assertKeyRingStore } from './key-ring-store-contract.js';
export { provideTestIssuer, TestIssuerModule } from './provide-test-issuer.js';
export { TestIssuer } from './test-issuer.js';
export type { RecordedRequest } from './issuer-server.js';
export type { RotateOptions, TestSigningKey } from './key-ring.js';
export type { SignOptions, TestClaims } from './sign-token.js';
export type { TestIssuerOptions } from './test-issuer-options.js';
