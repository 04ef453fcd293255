import { chaos } from './chaos.mjs';
import { eventLoop } from './event-loop.mjs';
import { expiry } from './expiry.mjs';
import { firstSeen } from './first-seen.mjs';
import { fleet } from './fleet.mjs';
import { growth } from './growth.mjs';
import { headers } from './headers.mjs';
import { importTime } from './import-time.mjs';
import { keyLookup } from './key-lookup.mjs';
import { memory } from './memory.mjs';
import { nest } from './nest.mjs';
import { proofs } from './proofs.mjs';
import { repeated } from './repeated.mjs';

/** In the order in which they run and are reported. */
export const measures = [
  keyLookup,
  firstSeen,
  repeated,
  proofs,
  nest,
  eventLoop,
  expiry,
  growth,
  memory,
  importTime,
  headers,
  fleet,
  chaos,
];
