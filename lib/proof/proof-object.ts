import { MalformedTokenError } from '../core/errors.js';
import { decodePart } from '../tokens/compact-jwt.js';
import { parseJsonObject, type JsonObject } from '../tokens/json-object.js';
import { dpopFault } from './dpop-faults.js';

/** The JSON object of one part of a proof. Throws a DpopProofError. @internal */
export function parseProofObject(part: string): JsonObject {
  const bytes = decodePart(part);
  const object = bytes && parse(bytes);
  if (!object) throw dpopFault('malformed');
  return object;
}

function parse(bytes: Buffer): JsonObject | undefined {
  try {
    return parseJsonObject(bytes);
  } catch (error) {
    // Nested too deeply; its message is about access tokens.
    if (error instanceof MalformedTokenError) return undefined;
    throw error;
  }
}
