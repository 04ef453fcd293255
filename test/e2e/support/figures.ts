/**
 * Prints what was measured, where FIGURES=1 asks for it: what a test demands is less than what
 * holds.
 */
export function figures(of: string, measured: Record<string, number | string>): void {
  if (process.env['FIGURES'] === '1') console.info(of, JSON.stringify(measured));
}
