import type { MemberIdentity, Revision, VariableValue } from '@env-cli/keyspace';
import type { MirrorDefinition } from '@env-cli/mirroring';

import type { AlarmKind } from './integrity-row.ts';
import type { WrappedKey } from './keyring-row.ts';
import type { Limits } from './limits.ts';
import type { Condition, Operation } from './operation.ts';

/** Who waits for a result: the member that took the request in, its start, and the request's number there. */
export interface RequestId {
  /** 0 … 2^32 − 1. */
  readonly member: number;
  /** Drawn at each start of the member, so that a result of its former life finds nobody. 0 … 2^32 − 1. */
  readonly startNonce: number;
  /** 0 … 2^48 − 1. */
  readonly counter: number;
}

/** The place of a command in a client's session. With it a command that is sent again happens once. */
export interface SessionUse {
  /** The 16 bytes that opened the session. */
  readonly session: Uint8Array;
  /** From 1, each once, in any order. */
  readonly sequence: number;
  /** The lowest sequence whose answer the client does not have yet; results below it are forgotten. At most `sequence`. */
  readonly firstIncomplete: number;
}

/** A change of the replicated state, as it is proposed. Everything that apply needs to know is inside. */
export interface Command {
  /** The feature level that a member needs to understand it: `commandLevel(body)` unless said otherwise. */
  readonly level: number;
  /** The raft group. Always 1 so far. */
  readonly group: number;
  /** The namespace that the body's names are in. */
  readonly namespace: string;
  /** Who asked, as the API authenticated them. */
  readonly principal: string;
  /** The revision of the policy by which the API authorised it. 0 while there is no policy. */
  readonly authorisationRevision: number;
  readonly requestId: RequestId;
  readonly session: SessionUse | null;
  /** Why, in the words of who asked; UTF-8, kept in the history. Empty when there is none. */
  readonly reason: Uint8Array;
  readonly body: CommandBody;
}

/** A write: conditions, then operations, on environments of one namespace. */
export interface WriteBody {
  readonly kind: 'write';
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
}

/** What was done at a mirror's target for one environment. Counts only when `term` is the term of the entry that carries it. */
export interface DeliveryReport {
  /** The number of the mirror (`MirrorRow.id`). */
  readonly mirror: number;
  readonly environment: string;
  /** The revision of the outbox row that the worker took. A row that is newer by now stays. */
  readonly revision: Revision;
  /** `enqueuedIndex` of that row; 0 when the worker took none (a repair): then no row is removed. */
  readonly enqueuedIndex: number;
  readonly term: number;
}

/** A value that was sealed anew: the same text under another data key. */
export interface ResealedValue {
  readonly environment: string;
  readonly variable: string;
  /** What it was made of, for what is something else by now stays: key and nonce (12 bytes), or of a secret in the clear 0 and the first 12 bytes of its hash. */
  readonly keyId: number;
  readonly nonce: Uint8Array;
  /** The keyed hash of the text (16 bytes). */
  readonly hash: Uint8Array;
  readonly value: Extract<VariableValue, { readonly kind: 'sealed' }>;
}

/** Values of one namespace that were sealed anew; at most `resealedValuesMax`. */
export interface ResealBody {
  readonly kind: 'reseal';
  readonly values: readonly ResealedValue[];
}

export type CommandBody =
  | WriteBody
  /** Opens a session. `session`: 16 random bytes, drawn before the proposal. Opening it again changes nothing. */
  | { readonly kind: 'open-session'; readonly session: Uint8Array }
  /** Says that the session named in `command.session`'s place is still used. */
  | { readonly kind: 'keep-session'; readonly session: Uint8Array }
  | { readonly kind: 'close-session'; readonly session: Uint8Array }
  /** Forgets all below `revision`, which stays readable itself. */
  | { readonly kind: 'compact'; readonly revision: Revision }
  | { readonly kind: 'create-mirror'; readonly definition: MirrorDefinition }
  /** The target key cannot change: what is at the old target would be nobody's. */
  | { readonly kind: 'update-mirror'; readonly definition: MirrorDefinition }
  /** Lets a mirror rest, or work again; nothing else of it changes. An update leaves `paused` as this set it. */
  | { readonly kind: 'pause-mirror'; readonly mirror: string; readonly paused: boolean }
  /** Withdraws (by the mirror's policy), then forgets it; with `abandon` forgets at once and leaves the target as it is. */
  | { readonly kind: 'delete-mirror'; readonly mirror: string; readonly abandon: boolean }
  /** Enqueues again what failed for good: one environment, or all of the mirror when it is null. */
  | { readonly kind: 'retry-mirror'; readonly mirror: string; readonly environment: string | null }
  | ({
      readonly kind: 'delivered';
      /** Hash of what the target holds (≤ 64 bytes), and the store's own version of it (≤ 1,024 bytes of UTF-8; may be empty). */
      readonly contentHash: Uint8Array;
      readonly remoteVersion: Uint8Array;
      /** Status of single variables, in the mirroring library's own format. Empty when all of them are in place. */
      readonly detail: Uint8Array;
    } & DeliveryReport)
  | ({ readonly kind: 'withdrawn' } & DeliveryReport)
  /** The worker gave up. `status` is the mirroring library's own text, `detail` as above; both are shown in the status. */
  | ({ readonly kind: 'delivery-failed'; readonly status: string; readonly detail: Uint8Array } & DeliveryReport)
  /** Asks every member for its state hashes at this very entry. */
  | { readonly kind: 'mark-hashes' }
  /** What a member holds right after the marked entry `index`: 8 bytes a table, then 8 of the chain. */
  | { readonly kind: 'report-hashes'; readonly index: number; readonly member: number; readonly hashes: Uint8Array }
  /** A member found that something is wrong with it at log index `index`. */
  | { readonly kind: 'raise-alarm'; readonly alarm: AlarmKind; readonly member: number; readonly index: number }
  /** A person has seen to it. */
  | { readonly kind: 'clear-alarm'; readonly alarm: AlarmKind; readonly member: number }
  /** Keys for the cluster's secrets, each wrapped by the master key (`Keyring`). Only the first such command counts. */
  | {
      readonly kind: 'found-keyring';
      readonly masterKey: Uint8Array;
      readonly hashKey: WrappedKey;
      readonly dataKey: WrappedKey;
    }
  /** A new data key; `id`: that of the newest and one, or somebody else was first. */
  | { readonly kind: 'add-data-key'; readonly id: number; readonly key: WrappedKey }
  /** A member takes `count` seals by the data key for itself; not applied when it has not so many left. */
  | { readonly kind: 'take-seals'; readonly id: number; readonly count: number }
  /** The same keys wrapped by another master key, made of the keyring of `version`; all data keys in their order. */
  | {
      readonly kind: 'rewrap-keys';
      readonly version: number;
      readonly masterKey: Uint8Array;
      readonly hashKey: WrappedKey;
      readonly dataKeys: readonly WrappedKey[];
    }
  | ResealBody
  /** A look at all environments found no secret that is not sealed by the data key `id` or a newer one. */
  | { readonly kind: 'mark-resealed'; readonly id: number }
  /** Lets commands of a new feature level in. Proposed once every member has it. */
  | { readonly kind: 'raise-level'; readonly featureLevel: number }
  /** Whether the leader leaves the level as it is, now and after it was raised by hand, until this is said again. */
  | { readonly kind: 'hold-level'; readonly held: boolean }
  | { readonly kind: 'set-limits'; readonly limits: Limits }
  /** Sets the quota alone (`Limits.quotaBytes`). */
  | { readonly kind: 'set-quota'; readonly quotaBytes: number }
  /** A further member, with the disk that it was found to have. It takes part once raft's configuration names it. */
  | { readonly kind: 'add-member'; readonly member: MemberIdentity }
  /**
   * A further member that comes in the place of a voter: when it has caught up and becomes one itself, `replaces` goes with the same change of raft's
   * configuration, and is forgotten then. It may be found where that one was. Level 2.
   */
  | { readonly kind: 'replace-member'; readonly member: MemberIdentity; readonly replaces: number }
  /** Forgets a member that raft's configuration names no more. Its number is never given again. */
  | { readonly kind: 'remove-member'; readonly memberId: number }
  /** The first command of a cluster, and only the first. */
  | {
      readonly kind: 'bootstrap';
      /** 16 random bytes. */
      readonly clusterId: Uint8Array;
      readonly members: readonly MemberIdentity[];
      /** 32 random bytes, the key of the hashes of secrets. Never shown. */
      readonly hashKey: Uint8Array;
      readonly featureLevel: number;
      readonly limits: Limits;
    }
  /** The first command of a cluster whose members were all restored from one backup, and only the first. */
  | {
      readonly kind: 'restore';
      /** That of the backup. */
      readonly clusterId: Uint8Array;
      /** Above that of the backup. */
      readonly epoch: number;
      readonly members: readonly MemberIdentity[];
      /** SHA-256 of the backup, 32 bytes: the members began with the same rows. */
      readonly backupDigest: Uint8Array;
    };
