import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Puts an HMAC-SHA-256 before a text, under the first key; without a key, nothing. `purpose` says
 * what the text is and where it lies: one that was made for another purpose, or copied to another
 * place, has a wrong HMAC.
 *
 * @internal
 */
export function seal(text: string, purpose: string, keys: readonly string[]): string {
  const [first] = keys;
  return `${first === undefined ? '' : macOf(text, purpose, first)}.${text}`;
}

/**
 * The text again, if its HMAC is right under one of the keys, or if there are none; `undefined`
 * otherwise.
 *
 * @internal
 */
export function unseal(sealed: string, purpose: string, keys: readonly string[]): string | undefined {
  const end = sealed.indexOf('.');
  if (end < 0) return undefined;
  const text = sealed.slice(end + 1);
  if (keys.length === 0) return text;
  const found = Buffer.from(sealed.slice(0, end));
  const isRight = keys.some((key) => {
    const right = Buffer.from(macOf(text, purpose, key));
    return found.length === right.length && timingSafeEqual(found, right);
  });
  return isRight ? text : undefined;
}

function macOf(text: string, purpose: string, key: string): string {
  return createHmac('sha256', key).update(`nestjs-jwks ${purpose}\n`).update(text).digest('base64url');
}
