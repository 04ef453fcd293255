/**
 * Why a token was refused, for developers and operators; nothing of it may reach a client.
 *
 * @internal
 */
export interface Diagnosis {
  /** One sentence with what was expected and what came. */
  readonly reason: string;
  /** What to do about it. */
  readonly hint: string;
  /**
   * True where the configuration of the application, of the provider or of the client is wrong
   * rather than this one token.
   */
  readonly misconfiguration: boolean;
}
