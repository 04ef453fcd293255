import type { JWK } from 'jose';

export interface BenchKey {
  kid: string;
  alg: string;
  jwk: JWK;
  private: JWK;
}

export const ALGORITHMS: readonly string[];
export function signingKey(alg: string, kid?: string): Promise<BenchKey>;
export function setOf(count: number, jwk: JWK): { keys: JWK[] };
