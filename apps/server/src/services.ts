import type { FolderProblem } from '@env-cli/provider-file';
import type { Status } from '@env-cli/wire';

import type { Backups } from './backup/backups.ts';
import type { Member } from './member/member.ts';
import type { AwsDefaults } from './mirrors/aws-definition.ts';
import type { MirrorWorker } from './mirrors/mirror-worker.ts';
import type { Reads } from './reads/reads.ts';
import type { CallContexts } from './rpc/call-context.ts';
import type { LeaderCalls } from './rpc/leader-calls.ts';
import type { Keyring } from './secrets/keyring.ts';
import type { Dispatcher } from './watch/dispatcher.ts';
import type { Writes } from './writes/writes.ts';

/** What the controllers are made of. */
export interface ApiServices {
  readonly member: Member;
  readonly contexts: CallContexts;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly leader: LeaderCalls;
  readonly dispatcher: Dispatcher;
  readonly mirrorWorker: MirrorWorker;
  /** What a mirror to AWS has where it does not say. */
  readonly awsDefaults: AwsDefaults;
  /** Null where this member seals nothing. */
  readonly keyring: Keyring | null;
  readonly watchProgressIntervalMs: number;
  readonly backups: Backups;
  /** Milliseconds until this member raises the feature level, if nobody holds it; null while it does not mean to. */
  readonly levelRaisesInMs: () => number | null;
  /** Bytes that the state's file can grow to on this member. */
  readonly mapBytes: number;
  /** Bytes of the state on disk. */
  readonly storageBytes: () => number;
  /** Why a folder of this machine may be no target of a mirror. */
  readonly folderProblem: FolderProblem;
  /** Aborts when the member begins to stop: streams end, so that clients go elsewhere. */
  readonly draining: AbortSignal;
  /** What a client is told of an error, inside a stream. */
  readonly statusOf: (error: unknown) => Status;
}

/** The token under which Nest injects {@link ApiServices}. */
export const API = Symbol('services of the API');
