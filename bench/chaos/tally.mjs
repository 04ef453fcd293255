/** Milliseconds that a client waits for an answer. */
export const PATIENCE = 8_000;

/**
 * Counts what a contender did with the tokens of a situation. Of the refusals, `blamed` says that
 * the token is bad (401), `unavailable` that the keys are not there (503).
 * `behind` is how late a token came at most: more than a little says that the machine was too busy.
 *
 * @param {import('./tally.mjs').Answer[]} answers
 */
export function tally(answers) {
  const good = answers.filter(({ counts }) => counts === 'good');
  const refused = good.filter(({ outcome }) => outcome !== 'accepted');
  const accepted = good.filter(({ outcome }) => outcome === 'accepted');
  return {
    good: good.length,
    refused: refused.length,
    blamed: refused.filter(({ outcome }) => outcome === 'blamed').length,
    late: refused.filter(({ outcome }) => outcome === 'late').length,
    badAccepted: answers.filter(({ counts, outcome }) => counts === 'bad' && outcome === 'accepted').length,
    behind: Math.max(0, ...answers.map(({ behind }) => behind)),
    slowest: Math.max(0, ...accepted.map(({ took }) => took)),
  };
}
