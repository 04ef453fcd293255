// The subpath `nestjs-jwks/source`: what the author of a source of JWK Sets needs.
export { InvalidJwkSetError, JwksConnectionError } from './core/errors.js';
export { JwkSet } from './keys/jwk-set.js';

export type { SourceError, SourceFaultOptions, SourceFaultTraits } from './core/errors.js';
export type { JwksFailoverSource } from './options/issuer-options.js';
export type {
  FreshnessHints,
  JwkSetSource,
  LoadRequest,
  PreviousAnswer,
  SourceAnswer,
  Validators,
} from './sources/jwk-set-source.js';
