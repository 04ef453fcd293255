/** Of something of which nothing is known: whatever it has. @internal */
export type Fields = Readonly<Record<string, unknown>>;

/** @internal */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** @internal */
export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? (value as Fields) : {};
}
