import type { ShownView } from '../answers/environment.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { relationOf, type WatchScope } from './scope.ts';
import type { SharedChange } from './shared-change.ts';

/** Bytes of changes that wait for the reader of a watch. With more it is late: it forgets them, and reads them again in its time. */
const pendingBytesMax = 256 * 1024;
/** The same, as a number of changes. */
const pendingChangesMax = 1_024;
/** Bytes behind which one message takes in no further revision. */
const messageBytesMax = 512 * 1024;
/** Bytes behind which it takes in no further change, also of the same revision: a client takes 4 MiB by default. */
const messageBytesCeiling = 2.5 * 1024 * 1024;

/** Changes that go out in one message: whole revisions, or a part of one that is too large for a message. */
export interface WatchBatch {
  readonly changes: readonly Encoded[];
  /** Everything up to here has been sent with it. */
  readonly revision: number;
}

/** What hands changes to live watches. Every one of them was offered everything up to its position. */
export interface Feed {
  readonly position: number;
}

interface PendingChange {
  readonly revision: number;
  readonly bytes: Encoded;
}

/**
 * One watch: a cursor over the log of changes, with a bounded batch in front of its reader.
 *
 * `live`: the dispatcher hands it each change as it comes. `late`: it has fallen behind (or has just begun in the past) and
 * reads from its own cursor, until it has caught up.
 */
export class Watch {
  readonly id: bigint;
  readonly scope: WatchScope;
  readonly view: ShownView;
  /** It has something to send. */
  readonly #onReady: (watch: Watch) => void;
  #state: 'live' | 'late' | 'ended' = 'late';
  /** While something is pending: everything up to here was taken by the reader. */
  #sent: number;
  /** Everything up to here was looked at: it is pending, was taken, or does not concern the watch. A live one has seen what its feed has. */
  #seen: number;
  #feed: Feed | null = null;
  #pending: PendingChange[] = [];
  #pendingBytes = 0;

  /** Begins behind `after`, as a late one. */
  constructor(options: {
    readonly id: bigint;
    readonly scope: WatchScope;
    readonly view: ShownView;
    readonly after: number;
    readonly onReady: (watch: Watch) => void;
  }) {
    this.id = options.id;
    this.scope = options.scope;
    this.view = options.view;
    this.#sent = options.after;
    this.#seen = options.after;
    this.#onReady = options.onReady;
  }

  get state(): 'live' | 'late' | 'ended' {
    return this.#state;
  }

  /** Everything up to here was looked at. */
  get seen(): number {
    return this.#feed === null ? this.#seen : Math.max(this.#seen, this.#feed.position);
  }

  /** Everything up to here that concerns the watch was taken by the reader: where the watch could go on. */
  get sent(): number {
    return this.#pending.length === 0 ? this.seen : this.#sent;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** From now on the feed hands it changes. It has caught up with everything that came before. */
  join(feed: Feed): void {
    this.#state = 'live';
    this.#feed = feed;
  }

  end(): void {
    this.#state = 'ended';
    this.#forget();
  }

  /** Looks at a change behind those that it has seen. */
  offer(change: SharedChange): void {
    const relation = relationOf(this.scope, change);
    if (relation === 'none') return;
    const { revision } = change.change;
    // What came before it concerned the watch not at all, or was taken.
    if (this.#pending.length === 0) this.#sent = revision - 1;
    const bytes = change.encoded(this.view, relation === 'left');
    this.#pending.push({ revision, bytes });
    this.#pendingBytes += bytes.length;
  }

  /** The feed has offered all of some revisions. A watch with too much in front of its reader falls behind. */
  offered(): void {
    if (this.#pending.length === 0) return;
    if (this.#pendingBytes > pendingBytesMax || this.#pending.length > pendingChangesMax) this.#fallBehind();
    this.#onReady(this);
  }

  /** A late watch has read everything up to `revision`. */
  read(revision: number): void {
    this.#seen = Math.max(this.#seen, revision);
  }

  /** Takes the next message; null when nothing is pending. */
  take(): WatchBatch | null {
    const [first] = this.#pending;
    if (first === undefined) return null;
    let count = 0;
    let bytes = 0;
    let { revision } = first;
    for (const change of this.#pending) {
      const isFull = change.revision === revision ? bytes + change.bytes.length > messageBytesCeiling : bytes >= messageBytesMax;
      if (isFull && count > 0) break;
      revision = change.revision;
      bytes += change.bytes.length;
      count++;
    }
    const changes = this.#pending.slice(0, count).map((change) => change.bytes);
    this.#pending = this.#pending.slice(count);
    this.#pendingBytes -= bytes;
    // Everything before the next one that waits has been taken: not its own revision, of which a part may be.
    const [next] = this.#pending;
    if (next !== undefined) this.#sent = next.revision - 1;
    return { changes, revision: this.sent };
  }

  /** Nothing is lost: what is forgotten lies in the log of changes, behind the cursor. */
  #fallBehind(): void {
    this.#state = 'late';
    this.#feed = null;
    this.#seen = this.#sent;
    this.#forget();
  }

  #forget(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}
