export interface ReadmeBlock {
  file: string;
  how: 'check' | 'run' | 'test';
  /** Code that readers don't see. */
  before: string;
  code: string;
  /** Where it starts in README.md. */
  line: number;
}
export function readmeBlocks(url?: URL): ReadmeBlock[];
