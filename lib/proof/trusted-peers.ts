import { BlockList, isIP } from 'node:net';

const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/**
 * Addresses and networks of proxies, compared with the peer of a connection. An IPv4 address that an
 * IPv6 socket shows (`::ffff:10.0.0.1`) is the IPv4 address.
 *
 * @internal
 */
export class TrustedPeers {
  private readonly list = new BlockList();

  /** @param entries - for each of which {@link isPeerEntry} holds */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const { address, family, prefix } = parse(entry) ?? {};
      if (address === undefined || family === undefined) continue;
      if (prefix === undefined) this.list.addAddress(address, family);
      else this.list.addSubnet(address, prefix, family);
    }
  }

  /** In words: two that are alike have the same. */
  get rules(): readonly string[] {
    return this.list.rules;
  }

  has(address: unknown): boolean {
    if (typeof address !== 'string') return false;
    // The zone of a link-local address says by which interface it came.
    const plain = address.replace(MAPPED, '').replace(/%.*$/, '');
    const family = isIP(plain);
    return family !== 0 && this.list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Whether a value is an IP address or a network such as `10.0.0.0/8`. @internal */
export function isPeerEntry(value: unknown): value is string {
  return typeof value === 'string' && parse(value) !== undefined;
}

function parse(entry: string): { address: string; family: 'ipv4' | 'ipv6'; prefix: number | undefined } | undefined {
  const [address = '', length, ...rest] = entry.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined;
  // Its length would count from the start of the IPv6 address: '/12' would be far more than was meant.
  if (MAPPED.test(address)) return undefined;
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > (version === 4 ? 32 : 128)))
    return undefined;
  return {
    address,
    family: version === 4 ? 'ipv4' : 'ipv6',
    prefix: length === undefined ? undefined : Number(length),
  };
}
