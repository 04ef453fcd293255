import { JwksConfigurationError } from './errors.js';

/**
 * Loads an optional peer on first use and keeps it. Absent and broken are different faults: the
 * first says what to install, the second what happened.
 *
 * @internal
 */
export function optionalPeer<T>(name: string, need: string, load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch((cause: unknown) => {
      loaded = undefined;
      const absent =
        (cause as { code?: unknown } | null)?.code === 'ERR_MODULE_NOT_FOUND' && String(cause).includes(`'${name}'`);
      throw new JwksConfigurationError(
        absent
          ? `${need} needs the package "${name}": install it`
          : `${need} needs the package "${name}", which failed to load`,
        undefined,
        { cause },
      );
    });
    return loaded;
  };
}
