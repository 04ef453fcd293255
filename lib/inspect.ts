export { inspect } from './cli/inspect.js';

export type { InspectOptions } from './cli/inspect.js';
export type {
  InspectCheck,
  InspectedFreshness,
  InspectedKey,
  InspectedRequest,
  InspectedToken,
  InspectReport,
} from './cli/report.js';
