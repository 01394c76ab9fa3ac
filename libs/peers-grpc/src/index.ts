export { GrpcPeers, type GrpcPeersOptions, type PeersHost } from './grpc-peers.ts';
export type { SnapshotOffer } from './snapshot-bytes.ts';
export type { SnapshotSink } from './snapshot-receiving.ts';
export { fetchSnapshot, FetchFailed, type SnapshotFetchOptions } from './snapshot-fetching.ts';
export type { LentSnapshot } from './snapshot-serving.ts';
export type { SnapshotSource } from './snapshot-pump.ts';
export { noSecurity, type PeerSecurity, type SecuredCall } from './security.ts';
export { sayHello, type UnaryHello } from './unary-hello.ts';
