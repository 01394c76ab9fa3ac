export { GrpcPeers, type GrpcPeersOptions, type PeersHost } from './grpc-peers.ts';
export type { SnapshotOffer } from './snapshot-bytes.ts';
export type { SnapshotSink } from './snapshot-receiving.ts';
export type { SnapshotSource } from './snapshot-sending.ts';
export type { PeerSecurity, SecuredCall } from './security.ts';
