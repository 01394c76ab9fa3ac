export type { Configuration } from './configuration.ts';
export { decodeConfiguration, encodeConfiguration } from './configuration.ts';
export { isJoint, isMember, membersOf } from './configuration.ts';
export type {
  ChangeRefusal,
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
  TransferOutcome,
  TransferRefusal,
  TransferringRefusal,
} from './door.ts';
export type { ConfigurationRefusal, MembershipChange } from './membership-change.ts';
export { Raft } from './raft.ts';
export type { Entry, EntryKind, HardState, Index, MemberId, Term } from './entry.ts';
export type {
  Append,
  AppendAccepted,
  AppendRejected,
  Commit,
  Committed,
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
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './message.ts';
