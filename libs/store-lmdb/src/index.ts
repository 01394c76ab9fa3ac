export { DataDirectory, type DataDirectoryOptions } from './data-directory.ts';
export { StoreFailed, type StoreFailureCode } from './failure.ts';
export { type Identity } from './identity.ts';
export { type ReadPosition, type StorePosition } from './position.ts';
export { StoreReader } from './reader.ts';
export { DataDirectoryRefused, type RefusalCode } from './refusal.ts';
export { currentState, openState } from './state-directory.ts';
export { type Store, type StoreOptions } from './store.ts';
