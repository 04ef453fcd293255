import type { SigningKey } from '../keys/signing-key.js';

/**
 * What `passport-jwt` takes as `secretOrKeyProvider`. Declared here, so that its types are needed
 * by those alone who use it; what `done` gets is a `KeyObject`, which `jsonwebtoken` takes and
 * these types have never heard of.
 *
 * @publicApi
 */
export type SecretOrKeyProvider = (
  request: unknown,
  rawJwtToken: unknown,
  done: (error: unknown, secretOrKey?: string | Buffer) => void,
) => void;

/** Errors go to `done`; nothing is thrown, now or later. @internal */
export function secretOrKeyProvider(keyOf: (token: string) => Promise<SigningKey>): SecretOrKeyProvider {
  return (_request, rawJwtToken, done) => {
    const provide = async () => {
      // What is no text is refused with the rest of what is no JWT.
      const key = await keyOf(rawJwtToken as string);
      done(null, key.toKeyObject() as unknown as Buffer);
    };
    provide().catch((error: unknown) => {
      try {
        done(error);
      } catch {
        // The callback got both, and no caller is left to listen.
      }
    });
  };
}
