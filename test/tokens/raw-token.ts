/** base64url of text or bytes, or of a value as JSON. */
export function encode(part: unknown): string {
  return Buffer.from(typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part)).toString(
    'base64url',
  );
}

/**
 * A token that nobody signed, of parts that need not be what they should: text and bytes are taken
 * as they are.
 */
export function rawToken(header: unknown, payload: unknown = {}, signature: unknown = 'signature'): string {
  return `${encode(header)}.${encode(payload)}.${encode(signature)}`;
}

/** Text with `depth` arrays within one another. */
export function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

/** Whether all objects and arrays in it are frozen. */
export function isDeeplyFrozen(value: unknown): boolean {
  return (
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen))
  );
}

/** Whether some object in it has a member of that name. */
export function hasMember(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, name) || Object.values(value).some((member) => hasMember(member, name));
}
