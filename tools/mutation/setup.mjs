// A property that fails has killed its mutant: the smallest counterexample is not needed.
import fc from 'fast-check';

fc.configureGlobal({ endOnFailure: true, numRuns: 50 });
