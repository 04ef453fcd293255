import type { LookupAddress, LookupOptions } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';
import { JwksConnectionError } from '../core/errors.js';

type Undici = Pick<typeof import('undici'), 'buildConnector' | 'Pool'>;
type Connector = buildConnector.connector;

/** As `dns.lookup` with `all: true`. @internal */
export type Resolve = (
  name: string,
  options: LookupOptions & { all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * IPv4 ranges that are not the public internet: the IANA special-purpose registry (RFC 6890),
 * multicast, class E.
 */
const RESERVED_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Azure's metadata channel, a public address in name only.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/**
 * IPv6 ranges inside 2000::/3 that are not the public internet: protocol assignments with Teredo,
 * documentation, 6to4.
 */
const RESERVED_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const reserved = new BlockList();
const globalUnicast = new BlockList();
const nat64 = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');
nat64.addSubnet('64:ff9b::', 96, 'ipv6');
for (const [net, bits] of RESERVED_IPV6) reserved.addSubnet(net, bits, 'ipv6');
for (const [net, bits] of RESERVED_IPV4) {
  reserved.addSubnet(net, bits, 'ipv4');
  // RFC 6052: the well-known NAT64 prefix carries an IPv4 address in its last 32 bits.
  reserved.addSubnet(`64:ff9b::${net}`, 96 + bits, 'ipv6');
}

/**
 * Whether an address is on the public internet. Not: loopback, private, link-local (cloud
 * metadata), shared (CGNAT), unique-local, multicast, unspecified, documentation, and every IPv6
 * form that has such an IPv4 address inside.
 *
 * @internal
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !reserved.check(address, 'ipv4');
  if (family !== 6 || address.includes('%')) return false;
  return (globalUnicast.check(address, 'ipv6') || nat64.check(address, 'ipv6')) && !reserved.check(address, 'ipv6');
}

/**
 * Whether a URL's host name is this machine, as RFC 6761 section 6.3 and RFC 1122 section 3.2.1.3
 * have it.
 *
 * @internal
 */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === '[::1]' ||
    /^(?:.+\.)?localhost$/i.test(hostname) ||
    (isIP(hostname) === 4 && hostname.startsWith('127.'))
  );
}

/**
 * What an undici Agent (or one of its proxy agents) needs to connect to public addresses only. The
 * address that was checked is the one connected to, so that a name can't resolve to another one in
 * between. A proxy is given the checked address instead of the name.
 *
 * @internal
 */
export function guardConnections(
  undici: Undici,
  tls: buildConnector.BuildOptions & { servername?: string | undefined },
  resolve: Resolve,
): { connect: Connector; factory: (origin: string | URL, options: object) => Dispatcher } {
  const open = undici.buildConnector({ ...tls, lookup: guardedLookup(resolve) });
  const direct: Connector = (options, callback) => {
    // Node looks up no name where the host is an address.
    if (isIP(options.hostname) === 0 || isPublicAddress(options.hostname)) open(options, callback);
    else queueMicrotask(() => callback(refusal(options.hostname), null));
  };
  const handshake = undici.buildConnector(tls);
  const secure: Connector = (options, callback) => {
    // undici's choice for a proxied request is the host of its URL.
    const { servername = options.servername } = tls;
    handshake({ ...options, ...(servername && { servername }) }, callback);
  };
  return {
    connect: direct,
    factory: (origin, options) => {
      const { connect } = options as { connect: Connector };
      return new undici.Pool(origin, {
        ...options,
        connect: connect === direct ? direct : guardedTunnel(connect, secure, resolve),
      });
    },
  };
}

/** A `lookup` of `net.connect` that leaves out what is not public. */
function guardedLookup(resolve: Resolve): LookupFunction {
  return (name, options, callback) => {
    publicAddresses(name, options, resolve).then(
      (addresses) => {
        if (options.all) callback(null, addresses);
        else callback(null, addresses[0]!.address, addresses[0]!.family);
      },
      (error: Error) => callback(error, []),
    );
  };
}

/**
 * `tunnel` asks the proxy; for the protocol http it hands out the bare socket, so that
 * TLS is made for the name and not for the address.
 */
function guardedTunnel(tunnel: Connector, secure: Connector, resolve: Resolve): Connector {
  return (options, callback) => {
    const { hostname, protocol } = options;
    const port = options.port || (protocol === 'https:' ? '443' : '80');
    const opened: buildConnector.Callback = (...[error, socket]) => {
      if (error) callback(error, null);
      else if (protocol === 'https:') secure({ ...options, httpSocket: socket }, callback);
      else callback(null, socket);
    };
    publicAddresses(hostname, {}, resolve).then(
      (addresses) => {
        // A proxy gets one address; nearly every one reaches IPv4.
        const { address, family } = addresses.find((each) => each.family === 4) ?? addresses[0]!;
        tunnel(
          { ...options, protocol: 'http:', host: `${family === 6 ? `[${address}]` : address}:${port}`, port },
          opened,
        );
      },
      (error: Error) => callback(error, null),
    );
  };
}

function publicAddresses(name: string, options: LookupOptions, resolve: Resolve): Promise<LookupAddress[]> {
  return new Promise((settle, reject) => {
    const literal = isIP(name);
    const onResolved = (error: Error | null, addresses: LookupAddress[]) => {
      const allowed = error ? [] : addresses.filter(({ address }) => isPublicAddress(address));
      if (error || allowed.length === 0) reject(error ?? refusal(name));
      else settle(allowed);
    };
    if (literal) onResolved(null, [{ address: name, family: literal }]);
    else resolve(name, { ...options, all: true }, onResolved);
  });
}

function refusal(host: string): JwksConnectionError {
  return new JwksConnectionError(
    `${host} is not on the public internet, which http.allowPrivateAddresses: false asks for`,
    {
      retryable: false,
    },
  );
}
