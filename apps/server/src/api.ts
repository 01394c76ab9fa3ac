import type { FolderProblem } from '@env-cli/provider-file';

import { Backups } from './backup/backups.ts';
import type { Member } from './member/member.ts';
import type { AwsDefaults } from './mirrors/aws-definition.ts';
import type { MirrorWorker } from './mirrors/mirror-worker.ts';
import type { DefaultConsistency } from './reads/demand.ts';
import { Reads } from './reads/reads.ts';
import { CallContexts } from './rpc/call-context.ts';
import { type FaultSink, rpcStatusOfError } from './rpc/faults.ts';
import { ForwardProofs } from './rpc/forward-proof.ts';
import { LeaderCalls } from './rpc/leader-calls.ts';
import type { Keyring } from './secrets/keyring.ts';
import type { TlsIdentity } from './security/tls-identity.ts';
import type { Secrets } from './secrets/secrets.ts';
import type { ApiServices } from './services.ts';
import { Dispatcher } from './watch/dispatcher.ts';
import { Writes } from './writes/writes.ts';

export interface ApiOptions {
  readonly defaultDeadlineMs: number;
  readonly defaultConsistency: DefaultConsistency;
  readonly watchProgressIntervalMs: number;
  readonly awsDefaults: AwsDefaults;
  readonly storageBytes: () => number;
  /** Bytes that the state's file can grow to. */
  readonly mapBytes: number;
  /** Why a folder of this machine may be no target of a mirror. */
  readonly folderProblem: FolderProblem;
  /** Where backups lie while they are sent. */
  readonly dataDir: string;
  /** Milliseconds after which a backup whose client takes nothing is given up. Defaults to 60,000. */
  readonly backupStallMs?: number;
  readonly faults: FaultSink;
  readonly secrets: Secrets;
  /** Defaults to null: calls are neither encrypted nor authenticated. */
  readonly tls?: TlsIdentity | null;
  /** Defaults to null: this member seals nothing. */
  readonly keyring?: Keyring | null;
  /** Milliseconds until this member raises the feature level. Defaults to null: it does not. */
  readonly levelRaisesInMs?: () => number | null;
}

/** The services of the API on top of a member. */
export class Api implements ApiServices {
  readonly member: Member;
  readonly mirrorWorker: MirrorWorker;
  readonly contexts: CallContexts;
  readonly leader: LeaderCalls;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly dispatcher: Dispatcher;
  readonly backups: Backups;
  readonly keyring: Keyring | null;
  readonly levelRaisesInMs: () => number | null;
  readonly watchProgressIntervalMs: number;
  readonly awsDefaults: AwsDefaults;
  readonly storageBytes: () => number;
  readonly mapBytes: number;
  readonly folderProblem: FolderProblem;
  readonly #proofs: ForwardProofs;
  readonly #drain = new AbortController();
  readonly #faults: FaultSink;

  constructor(member: Member, mirrorWorker: MirrorWorker, options: ApiOptions) {
    const { defaultDeadlineMs, defaultConsistency, watchProgressIntervalMs, awsDefaults, storageBytes, dataDir } = options;
    const { faults, secrets, keyring } = options;
    const tls = options.tls ?? null;
    this.#faults = faults;
    this.member = member;
    this.mirrorWorker = mirrorWorker;
    this.#proofs = new ForwardProofs(member);
    this.contexts = new CallContexts(defaultDeadlineMs, this.#proofs, tls !== null);
    this.leader = new LeaderCalls(member, this.#proofs, tls ?? undefined);
    this.reads = new Reads(member, this.leader, defaultConsistency, secrets);
    this.writes = new Writes(member, secrets);
    this.dispatcher = new Dispatcher(member, secrets, (error) => rpcStatusOfError(error, 'the dispatcher of watches', faults));
    this.backups = new Backups({
      member,
      reads: this.reads,
      dataDir,
      storageBytes,
      draining: this.draining,
      ...(options.backupStallMs === undefined ? {} : { stallMs: options.backupStallMs }),
    });
    this.watchProgressIntervalMs = watchProgressIntervalMs;
    this.awsDefaults = awsDefaults;
    this.storageBytes = storageBytes;
    this.mapBytes = options.mapBytes;
    this.folderProblem = options.folderProblem;
    this.keyring = keyring ?? null;
    this.levelRaisesInMs = options.levelRaisesInMs ?? (() => null);
  }

  get draining(): AbortSignal {
    return this.#drain.signal;
  }

  readonly statusOf: ApiServices['statusOf'] = (error) => rpcStatusOfError(error, 'a call of a stream', this.#faults);

  /** Ends the streams: pipelines once what they took is answered, watches at once. */
  drain(): void {
    this.#drain.abort();
  }

  close(): void {
    this.dispatcher.close();
    this.leader.close();
    this.#proofs.close();
  }
}
