import { isUtf8 } from 'node:buffer';
import { MalformedTokenError } from '../core/errors.js';

/**
 * The most objects and arrays within one another, the outermost counted: whatever reads claims
 * later may recurse.
 */
const MAX_DEPTH = 32;
const TOO_DEEP = 'The access token is nested too deeply';

/**
 * A JSON object as it was parsed: read it by {@link own} only, a member may be called `__proto__`.
 *
 * @internal
 */
export type JsonObject = Record<string, unknown>;

/**
 * Reads a JSON object from bytes that must be UTF-8 without a byte order mark (RFC 8725 section
 * 3.7, RFC 8259 section 8.1). The last one of members with the same name holds (RFC 7519 section
 * 4). `undefined` where it is not a JSON object.
 *
 * @internal
 */
export function parseJsonObject(bytes: Buffer): JsonObject | undefined {
  // Keeps a byte order mark, which JSON.parse then refuses, and puts a replacement character where
  // bytes are no UTF-8.
  const text = bytes.toString('utf8');
  if (text.includes('\ufffd') && !isUtf8(bytes)) return undefined;
  if (isTooDeep(text)) throw new MalformedTokenError(TOO_DEEP);
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // The SyntaxError quotes the text: it is no cause to keep.
    return undefined;
  }
}

/** @internal */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object's own member, whatever its prototype holds. @internal */
export function getOwn(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/**
 * Freezes what JSON.parse made, in place and all the way down, without its members called
 * `__proto__`: copying one into another object would set that object's prototype. Throws
 * MalformedTokenError where it is nested too deeply.
 *
 * @internal
 */
export function deepFreeze<T extends object>(value: T, depth = MAX_DEPTH): Readonly<T> {
  if (depth === 0) throw new MalformedTokenError(TOO_DEEP);
  if (Array.isArray(value)) {
    for (const member of value as unknown[])
      if (typeof member === 'object' && member !== null) deepFreeze(member, depth - 1);
    return Object.freeze(value);
  }
  const members = value as JsonObject;
  for (const name of Object.keys(members)) {
    const member = members[name];
    if (name === '__proto__') delete members[name];
    else if (typeof member === 'object' && member !== null) deepFreeze(member, depth - 1);
  }
  return Object.freeze(value);
}

function isTooDeep(text: string): boolean {
  // Nearly every text has fewer brackets in all.
  if (count('{', text) + count('[', text) <= MAX_DEPTH) return false;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index] as string;
    if (char === '"') inString = !inString;
    else if (inString) index += char === '\\' ? 1 : 0;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function count(char: string, text: string): number {
  let times = 0;
  for (let index = text.indexOf(char); index !== -1; index = text.indexOf(char, index + 1)) times += 1;
  return times;
}
