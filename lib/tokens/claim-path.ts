/**
 * The claim of that very name or, where there is none, what the dots lead to: `realm_access.roles`
 * is the member `roles` of the claim `realm_access`. At every step the longest name that exists
 * wins, so that names with dots in them (`https://example.com/roles`, a client called `orders.api`)
 * are found. Own properties only: what every object inherits is no claim.
 *
 * @internal
 */
export function claimAt(claims: object, path: string): unknown {
  let value: unknown = claims;
  let rest: string | undefined = path;
  while (rest !== undefined) {
    if (typeof value !== 'object' || value === null) return undefined;
    const name: string | undefined = longestName(value, rest);
    if (name === undefined) return undefined;
    value = (value as Record<string, unknown>)[name];
    rest = name.length === rest.length ? undefined : rest.slice(name.length + 1);
  }
  return value;
}

function longestName(value: object, path: string): string | undefined {
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const name = path.slice(0, end);
    if (name !== '__proto__' && Object.hasOwn(value, name)) return name;
  }
  return undefined;
}
