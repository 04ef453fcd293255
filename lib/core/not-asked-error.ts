import { JwksConnectionError } from './errors.js';

/**
 * The source was not asked, because of a limit of this process: that says nothing about the source.
 *
 * @internal
 */
export class NotAskedError extends JwksConnectionError {}
