export { JwksEndpointModule } from './jwks-endpoint.module.js';
export { JwksKeyRing } from './key-ring.js';
export { JwksSigner } from './signer.js';
export { encryptedKeyRingStore } from './stores/encrypted-store.js';
export { fileKeyRingStore } from './stores/file-store.js';
export { memoryKeyRingStore } from './stores/memory-store.js';
export { redisKeyRingStore } from './stores/redis-store.js';

export type {
  JwksEndpointCors,
  JwksEndpointOptions,
  JwksEndpointOptionsFactory,
  JwksKeyRingOptions,
} from './endpoint-options.js';
export type { JwksEndpointModuleExtras } from './jwks-endpoint.module.js';
export type { JwksKeyRingStatus } from './key-ring.js';
export type { KeyRingEntry, KeyRingStore } from './key-ring-store.js';
export type { PublishableKey } from './publishable-key.js';
export type { JwksKeyRingEvent } from './ring-events.js';
export type { KeyRingKeyState } from './ring-state.js';
export type { JwksSignOptions } from './signer.js';
export type { KeyRingEncryption } from './stores/encrypted-store.js';
export type { IoRedisLike, NodeRedisLike, RedisKeyRingStoreOptions } from './stores/redis-store.js';
