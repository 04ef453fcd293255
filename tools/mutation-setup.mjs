// A property that fails has done its work: nobody reads the smallest example.
import fc from 'fast-check';

fc.configureGlobal({ endOnFailure: true, numRuns: 50 });
