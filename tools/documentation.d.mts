export interface Page {
  /** Relative to the root of the repository. */
  path: string;
  text: string;
}
export interface Example {
  /** The path of its page. */
  page: string;
  file: string;
  how: 'check' | 'run' | 'test';
  /** Code that readers do not see. */
  before: string;
  code: string;
}
export function documentationPages(): Page[];
export function documentationExamples(pages?: readonly Page[]): Example[];
