/**
 * Private and secret members of a JWK (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1; `priv` of AKP
 * keys).
 */
const SECRET_MEMBERS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']);

/** A JWK Set document as it came, without the private and secret members of its keys. @internal */
export function publicDocument(document: unknown): unknown {
  const { keys } = (document ?? {}) as { keys?: unknown };
  return Array.isArray(keys) ? { ...(document as object), keys: keys.map(publicMembers) } : document;
}

function publicMembers(key: unknown): unknown {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return key;
  return Object.fromEntries(Object.entries(key).filter(([name]) => !SECRET_MEMBERS.has(name)));
}
