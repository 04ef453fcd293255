/**
 * A curve y² = x³ - 3x + b over the integers modulo a prime (SP 800-186 section 3.2.1).
 *
 * @internal
 */
export interface PrimeCurve {
  readonly prime: bigint;
  readonly b: bigint;
  /** Octets of a coordinate. */
  readonly octets: number;
}

/** @internal */
export const P256: PrimeCurve = {
  prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  b: 0x5ac635d8_aa3a93e7_b3ebbd55_769886bc_651d06b0_cc53b0f6_3bce3c3e_27d2604bn,
  octets: 32,
};

/** @internal */
export const P384: PrimeCurve = {
  prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  b: 0xb3312fa7_e23ee7e4_988e056b_e3f82d19_181d9c6e_fe814112_0314088f_5013875a_c656398d_8a2ed19d_2a85c8ed_d3ec2aefn,
  octets: 48,
};

/** @internal */
export const P521: PrimeCurve = {
  prime: 2n ** 521n - 1n,
  b:
    (0x0051_953eb961_8e1c9a1f_929a21a0_b68540ee_a2da725b_99b315f3_b8b48991_8ef109e1n << 256n) |
    0x56193951_ec7e937b_1652c0bd_3bb1bf07_3573df88_3d2c34f1_ef451fd4_6b503f00n,
  octets: 66,
};

/**
 * Whether big-endian coordinates name a point of the curve. These curves have prime order, so a
 * point that lies on one is a valid public key (SP 800-56A section 5.6.2.3.4). Done here because
 * importing takes OpenSSL 3.0 2 ms for each P-521 key: a set of them would hold up the event loop.
 *
 * @internal
 */
export function isOnCurve({ prime, b }: PrimeCurve, xOctets: Buffer, yOctets: Buffer): boolean {
  const x = toInteger(xOctets);
  const y = toInteger(yOctets);
  return x < prime && y < prime && (y * y - (x * x * x - 3n * x + b)) % prime === 0n;
}

/** -x² + y² = 1 + dx²y² modulo 2²⁵⁵ - 19 (RFC 8032 section 5.1). */
const ED25519_PRIME = 2n ** 255n - 19n;
const ED25519_D = 0x52036cee_2b6ffe73_8cc74079_7779e898_00700a4d_4141d8ab_75eb4dca_135978a3n;
const SIGN_BIT = 1n << 255n;

/**
 * What is wrong with 32 octets as an Ed25519 public key; `undefined`: nothing.
 *
 * @internal
 */
export function ed25519PointFault(octets: Buffer): string | undefined {
  const encoded = toInteger(Buffer.from(octets).reverse());
  const y = encoded % SIGN_BIT;
  // RFC 8032 section 5.1.3, step 1: y is reduced. Its step 4 refuses x = 0 with the sign bit set: y
  // = ±1, of low order anyway.
  if (y >= ED25519_PRIME) return 'has an Ed25519 point in an encoding that is not canonical';
  if (hasLowOrder(y)) return 'has an Ed25519 point of low order: any client could forge its signatures';
  // RFC 8032 section 5.1.3, step 3: x² = (y² - 1) / (dy² + 1), and a quotient is a square exactly
  // where the product is one.
  const square = (y * y) % ED25519_PRIME;
  return isSquare((square - 1n) * (ED25519_D * square + 1n), ED25519_PRIME)
    ? undefined
    : 'has an Ed25519 point that is not on its curve';
}

/**
 * Order 1 and 2: y = ±1. Order 4: y = 0. A point of order 8 doubles to one with y = 0, so x² = -y²,
 * which turns the curve's equation into dy⁴ + 2y² - 1 = 0.
 */
function hasLowOrder(y: bigint): boolean {
  const square = (y * y) % ED25519_PRIME;
  return square === 0n || square === 1n || (ED25519_D * square * square + 2n * square - 1n) % ED25519_PRIME === 0n;
}

/**
 * Whether `value` is a square modulo an odd prime: the Jacobi symbol by quadratic reciprocity,
 * several times faster than Euler's criterion.
 */
function isSquare(value: bigint, prime: bigint): boolean {
  let [a, n, symbol] = [((value % prime) + prime) % prime, prime, 1];
  while (a !== 0n) {
    for (; (a & 1n) === 0n; a >>= 1n) if ((n & 7n) === 3n || (n & 7n) === 5n) symbol = -symbol;
    if ((a & 3n) === 3n && (n & 3n) === 3n) symbol = -symbol;
    [a, n] = [n % a, a];
  }
  return symbol === 1;
}

function toInteger(octets: Buffer): bigint {
  return BigInt(`0x${octets.toString('hex')}`);
}
