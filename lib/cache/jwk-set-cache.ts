export type { KeyLookup, KeyLookupStatus, RefreshRequest } from './key-lookup.js';
