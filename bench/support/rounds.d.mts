export function interleave<T>(
  contenders: readonly { name: string; run: (round: number) => Promise<T> }[],
  how: { rounds: number; warmups?: number },
): Promise<Map<string, T[]>>;
