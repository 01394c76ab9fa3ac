export type { Configuration } from './configuration.ts';
export { decodeConfiguration, encodeConfiguration } from './configuration.ts';
export type {
  Effect,
  Envelope,
  FollowerStatus,
  InitialState,
  LoadEffect,
  Message,
  ProposalRefusal,
  RaftOptions,
  ReadRefusal,
  ResetEffect,
  Role,
  Status,
  StoreEffect,
  TermRun,
} from './door.ts';
export { Raft } from './raft.ts';
export type { Entry, EntryKind, HardState, Index, MemberId, Term } from './entry.ts';
export type {
  Append,
  AppendAccepted,
  AppendRejected,
  Commit,
  Heartbeat,
  HeartbeatReply,
  NoticeMessage,
  PeerMessage,
  PreVoteReply,
  PreVoteRequest,
  PromiseMessage,
  ReadReply,
  ReadRequest,
  SnapshotHeader,
  StaleTerm,
  VoteReply,
  VoteRequest,
} from './message.ts';
