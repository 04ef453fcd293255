/** Runs a load inside a span. @internal */
export interface LoadTracer {
  trace<T>(load: TracedLoad, work: () => Promise<T>, outcomeOf: (result: T) => 'loaded' | 'unchanged'): Promise<T>;
}

/** @internal */
export interface TracedLoad {
  readonly issuer: string | undefined;
  /** A RefreshCause. */
  readonly trigger: string;
}
