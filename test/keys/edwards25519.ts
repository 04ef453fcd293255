import { createHash } from 'node:crypto';

/** Extended coordinates (RFC 8032 section 5.1.4). */
type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint];

export const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * power(121666n, P - 2n));
const IDENTITY: Point = [0n, 1n, 1n, 0n];
const BASE = decode(encodeY(mod(4n * power(5n, P - 2n)), 0n)) as Point;

/**
 * The plain verification equation of RFC 8032 section 5.1.7, and no check of the key: what a
 * verifier does that trusts its keys, such as the OpenSSL of many Node.js releases. Newer ones look
 * at the key themselves, so they can't show what a bad key does.
 */
export function verifiesUnchecked(publicKey: Buffer, message: Buffer, signature: Buffer): boolean {
  const a = decode(publicKey);
  const r = decode(signature.subarray(0, 32));
  if (!a || !r) return false;
  const hash = createHash('sha512').update(signature.subarray(0, 32)).update(publicKey).update(message).digest();
  const left = multiply(BASE, fromLittleEndian(signature.subarray(32)));
  return equal(left, add(r, multiply(a, fromLittleEndian(hash) % L)));
}

/**
 * Every 32 octets that decode to a point of low order: 8 points, some with further encodings that
 * are not canonical.
 */
export function lowOrderEncodings(): Buffer[] {
  const torsion = generatorOfTorsion();
  const points = Array.from({ length: 8 }, (_, index) => multiply(torsion, BigInt(index)));
  const encodings = points.flatMap((point) => {
    const [x, y] = affine(point);
    const ys = [y, y + P].filter((candidate) => candidate < 2n ** 255n);
    const signs = x === 0n ? [0n, 1n] : [x & 1n];
    return ys.flatMap((candidate) => signs.map((sign) => encodeY(candidate, sign)));
  });
  return encodings;
}

/** 32 octets of which y is on the curve or not, as asked. */
export function encodingOfY(y: bigint): Buffer {
  return encodeY(y, 0n);
}

export function isOnCurve(y: bigint): boolean {
  return decode(encodeY(y, 0n)) !== undefined;
}

/** A point times the order of the main group leaves its part of order 8. */
function generatorOfTorsion(): Point {
  for (let y = 2n; ; y += 1n) {
    const point = decode(encodeY(y, 0n));
    const torsion = point && multiply(point, L);
    if (torsion && !equal(multiply(torsion, 4n), IDENTITY)) return torsion;
  }
}

function add([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * D * t1 * t2);
  const d = mod(2n * z1 * z2);
  return [mod((b - a) * (d - c)), mod((d + c) * (b + a)), mod((d - c) * (d + c)), mod((b - a) * (b + a))];
}

function multiply(point: Point, scalar: bigint): Point {
  let [sum, addend] = [IDENTITY, point];
  for (let rest = scalar; rest > 0n; rest >>= 1n, addend = add(addend, addend)) {
    if (rest & 1n) sum = add(sum, addend);
  }
  return sum;
}

function equal([x1, y1, z1]: Point, [x2, y2, z2]: Point): boolean {
  return mod(x1 * z2 - x2 * z1) === 0n && mod(y1 * z2 - y2 * z1) === 0n;
}

function affine([x, y, z]: Point): [bigint, bigint] {
  const inverse = power(z, P - 2n);
  return [mod(x * inverse), mod(y * inverse)];
}

/** Without the checks for canonical form of RFC 8032 section 5.1.3. */
function decode(octets: Buffer): Point | undefined {
  const encoded = fromLittleEndian(octets);
  const y = mod(encoded % 2n ** 255n);
  const square = mod((y * y - 1n) * power(D * y * y + 1n, P - 2n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * power(2n, (P - 1n) / 4n));
  if (mod(x * x - square) !== 0n) return undefined;
  if ((x & 1n) !== encoded >> 255n) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

function encodeY(y: bigint, sign: bigint): Buffer {
  const hex = (y | (sign << 255n)).toString(16).padStart(64, '0');
  return Buffer.from(hex, 'hex').reverse();
}

function fromLittleEndian(octets: Buffer): bigint {
  return BigInt(`0x${Buffer.from(octets).reverse().toString('hex')}`);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, rest] = [mod(base), exponent]; rest > 0n; rest >>= 1n, square = mod(square * square)) {
    if (rest & 1n) result = mod(result * square);
  }
  return result;
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}
