export interface DocumentedOption {
  /** Such as `cache.ttl`. */
  path: string;
  type: string;
  required: boolean;
  text: string;
  /** The text of its `@default` tag. */
  default: string | undefined;
}
export function documentedOptions(): DocumentedOption[];
export function optionsPage(): Promise<string>;
