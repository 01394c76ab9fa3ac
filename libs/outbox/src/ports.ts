import type { Revision } from '@env-cli/keyspace';
import type { DeliveryStatus, MirrorDefinition, VariableRefusal } from '@env-cli/mirroring';

import type { ImportedVariable, PlainVariable } from './provider.ts';

/**
 * The cluster's state as the worker needs it. Reads on the leader, each from one snapshot that has applied everything that was
 * committed before the call (the member's read with freshness `strong` does it; batches of reads share one round).
 *
 * A call that rejects ends nothing: the worker asks again a little later.
 */
export interface OutboxSource {
  /** Every mirror of every namespace, those that are paused or being deleted included. */
  mirrors(): Promise<readonly MirrorInForce[]>;
  /** Outbox rows of a mirror whose environment's name sorts after `after` (null: from the first), in order of names, at most `limit`. */
  due(mirror: number, after: string | null, limit: number): Promise<readonly DueRow[]>;
  /** Delivery rows of a mirror, as `due`. */
  held(mirror: number, after: string | null, limit: number): Promise<readonly HeldRow[]>;
  /** Everything about one environment of a mirror, from one snapshot. */
  snapshot(mirror: number, environment: string): Promise<DeliverySnapshot>;
}

/** A mirror as the cluster holds it. */
export interface MirrorInForce {
  /** The number under which its rows are kept. Never used again for another mirror. */
  readonly id: number;
  readonly namespace: string;
  readonly definition: MirrorDefinition;
  /** Somebody deleted it: it selects nothing any more, and its withdrawals are meant, all of them. */
  readonly deleting: boolean;
}

/** What is still to be done for an environment: the newest only. */
export interface DueRow {
  readonly environment: string;
  readonly kind: 'deliver' | 'withdraw';
  readonly revision: number;
  /** The log index of the entry that wrote the row; a report of what was done names it. */
  readonly enqueuedIndex: number;
}

/** What was last reported of an environment. Of a delivery row: `failed?.revision ?? delivered.revision`, and `failed !== null`. */
export interface HeldRow {
  readonly environment: string;
  /** The revision that the target holds, or that could not be delivered when `failed`. */
  readonly revision: number;
  /** Whether the worker gave up at that revision: a dead letter. */
  readonly failed: boolean;
}

/** One environment of a mirror at one moment. */
export interface DeliverySnapshot {
  /** The newest revision of the state that this was read from. */
  readonly revision: number;
  /** Null: nothing is to be done. */
  readonly due: DueRow | null;
  /** Null: nothing was ever reported, or it was withdrawn. */
  readonly held: HeldRow | null;
  readonly content: EnvironmentContent;
}

/** What an environment holds for a mirror. Whatever goes wrong on the way to it is `failed`, never `absent`. */
export type EnvironmentContent =
  | {
      readonly kind: 'present';
      readonly variables: readonly PlainVariable[];
      /** The revision that last changed the environment. */
      readonly modifyRevision: number;
    }
  /** The snapshot says so: there is no such environment, or the mirror does not select it, or the mirror is being deleted. */
  | { readonly kind: 'absent' }
  /** It could not be opened or resolved. `refusals` names the variables that are the cause, without values. */
  | { readonly kind: 'failed'; readonly problem: string; readonly refusals: readonly VariableRefusal[] };

/** What the worker has to say of an environment. It becomes the command `delivered`, `withdrawn` or `delivery-failed`. */
export interface DeliveryReport {
  readonly kind: 'delivered' | 'withdrawn' | 'failed';
  readonly mirror: number;
  readonly environment: string;
  /** The revision of the outbox row that was taken; of the delivery row, when none was. */
  readonly revision: Revision;
  /** `enqueuedIndex` of the outbox row that was taken: a row that was written again since stays. 0 when none was. */
  readonly enqueuedIndex: number;
  /** The keyed hash of all that the target holds, at most 64 bytes; empty unless `delivered`. */
  readonly contentHash: Uint8Array;
  /** The store's own version of it, when it is one key; empty otherwise. At most 1,024 bytes of UTF-8. */
  readonly remoteVersion: string;
  /**
   * Why not, for `failed`, and for `delivered` the variables that the mirror's policy goes without: `encodeStatus(status)` is the
   * command's `detail`.
   */
  readonly status: DeliveryStatus;
}

/** The way of reports into the log. */
export interface ReportSink {
  /**
   * Proposes reports, at most `reportsPerProposal` at once, and resolves when they are applied. If it rejects,
   * the rows stay due: what was done is found done at the next attempt, at the cost of a read. The state machine ignores
   * a report of a term that is over.
   */
  propose(term: number, reports: readonly DeliveryReport[]): Promise<void>;
}

/** What somebody else put into a key of an environment, as it is to become a write. */
export interface ImportRequest {
  readonly mirror: number;
  readonly environment: string;
  /** The revision at which the environment was last changed when it was compared: at another one, nothing is written. */
  readonly modifyRevision: number;
  /** Values as they were found. Those that are new become secrets. None is ever taken away. */
  readonly variables: readonly ImportedVariable[];
}

/**
 * What became of an import: `written` and due again; `unchanged`: it says what the cluster holds already, in another spelling;
 * `conflict`: the environment was written meanwhile; `refused`: the cluster does not take it, and why, without any value.
 */
export type ImportResult =
  { readonly kind: 'written' | 'unchanged' | 'conflict' } | { readonly kind: 'refused'; readonly reason: string };

/** The way of imports into the log. */
export interface ImportSink {
  /** Proposes a write. Rejects when the cluster cannot be reached: then it is tried again. */
  import(request: ImportRequest): Promise<ImportResult>;
}

/** Time and chance, from outside, so that tests hold them in their hands. */
export interface Host {
  /** Monotonic, in milliseconds. */
  nowMs(): number;
  /** Calls back once, after at least so long. Returns what calls it off. */
  after(delayMs: number, callback: () => void): () => void;
  /** A number of [0, 1). */
  random(): number;
}

/** What the worker tells the log and the metrics of its process. Nothing in it holds a value. */
export interface OutboxObserver {
  /** A delivery, a withdrawal or the repair of a drift ended. */
  attempted(event: AttemptEvent): void;
  /** A mirror, or the withdrawals of one (the delete brake), stopped by itself, and will not go on until somebody acts. */
  alarm(event: { readonly mirror: MirrorInForce; readonly reason: string }): void;
  /** Something that passes by itself went wrong beside the deliveries: a read of the state, a proposal, a scan. */
  trouble(event: { readonly mirror: MirrorInForce | null; readonly doing: string; readonly error: unknown }): void;
}

export interface AttemptEvent {
  readonly mirror: MirrorInForce;
  readonly environment: string;
  readonly revision: number;
  readonly outcome: 'delivered' | 'withdrawn' | 'retry' | 'failed' | 'stopped';
  /** How the environment stands now. */
  readonly status: DeliveryStatus;
  /** Attempts at this revision, this one included. */
  readonly attempts: number;
  /** Steps that were done at the target: 0 when everything was there. */
  readonly steps: number;
  readonly elapsedMs: number;
}
