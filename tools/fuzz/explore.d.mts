import type { Arbitrary } from 'fast-check';

export interface Violation {
  seed: number;
  path: string;
  error: Error;
}

type Predicate<T> = (value: T) => Promise<void>;

export function explore<T>(
  arbitrary: Arbitrary<T>,
  predicate: Predicate<T>,
  how: { seed: number; count: number; atOnce?: number },
): Promise<Violation[]>;

export function replay<T>(
  arbitrary: Arbitrary<T>,
  predicate: Predicate<T>,
  violation: { seed: number; path: string },
): Promise<Violation | undefined>;

export function seedsOf(seed: number, count: number): number[];
