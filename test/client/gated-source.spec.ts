import { expect, it } from 'vitest';
import { GatedSource } from '../../lib/client/gated-source.js';
import { UnverifiedBudget } from '../../lib/client/unverified-budget.js';
import { ManualClock } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';

it('a load that failed is no work under way: what comes when the budget is spent is denied, and does not wait', async () => {
  const clock = new ManualClock();
  const source = new ScriptedSource(clock);
  const budget = new UnverifiedBudget({ burst: 1, every: 1_000 }, clock);
  const request = { signal: new AbortController().signal, reload: false };
  source.fails();
  await expect(new GatedSource(source, budget, 100).load(request)).rejects.toThrow('ECONNREFUSED');
  await expect(new GatedSource(source, budget, 100).load(request)).rejects.toThrow('Too many issuers');
});
