import { rmSync } from 'node:fs';
import type { GrpcPeers, LentSnapshot, SnapshotOffer, SnapshotSink, SnapshotSource } from '@env-cli/peers-grpc';
import type { Configuration, Index, MemberId, Term } from '@env-cli/raft';
import type { Replica, Snapshots } from '@env-cli/replica';
import { newSpoolPath, type SpoolReader, SpoolReceiver } from '@env-cli/store-lmdb';
import { equalBytes } from '@env-cli/support';

import { type Spool, SpoolShelf } from './spool-shelf.ts';
import type { ApplyToConsensus, SnapshotOrder, StateReport } from './thread-messages.ts';

export interface SnapshotTrafficOptions {
  readonly dataDir: string;
  readonly peers: Pick<GrpcPeers, 'sendSnapshot'>;
  readonly order: (order: SnapshotOrder) => void;
  readonly report: (message: string) => void;
  /**
   * Milliseconds without a byte after which the part of a snapshot is thrown away. Defaults to 120,000, twice the silence after which
   * a sender gives its snapshot up for good (`snapshotSilenceMsMax`): nobody goes on with it.
   */
  readonly partSilenceMsMax?: number;
  /** See `SpoolShelfOptions.keepMs`. */
  readonly spoolKeepMs?: number;
  /** Milliseconds after a copy of the state could not be made before another is tried. Defaults to 5,000. */
  readonly copyRetryMs?: number;
}

const copyRetryMsDefault = 5_000;

const partSilenceMsMaxDefault = 120_000;

/** Is asked how far the state is, and told what becomes of snapshots. */
type SnapshotsReplica = Pick<
  Replica,
  'appliedIndex' | 'received' | 'snapshotBegun' | 'snapshotFailed' | 'snapshotInstalled' | 'snapshotRefused' | 'snapshotSent'
>;

/** A snapshot on its way out. */
interface Outgoing {
  readonly to: MemberId;
  readonly term: Term;
  spool: Spool | null;
  sending: { cancel(): void } | null;
  /** Runs after no copy could be made. */
  pause: NodeJS.Timeout | undefined;
}

/** A snapshot on its way in, or the part of one whose stream broke. */
interface Incoming {
  offer: SnapshotOffer;
  readonly file: SpoolReceiver;
  /** Settles when what is being written of it is. */
  writing: Promise<unknown>;
  /** Set once all of it is here. */
  settle: ((problem: string | null) => void) | null;
  /** Runs while more of it is to come. */
  patience: NodeJS.Timeout | undefined;
}

/** Milliseconds within which the core says what is to become of a snapshot that arrived. It says so in the next turn, or never. */
const decisionMs = 30_000;

/** Whole states between members: spooled by the apply thread, streamed here, installed by the apply thread. */
export class SnapshotTraffic implements Snapshots {
  readonly #options: SnapshotTrafficOptions;
  readonly #shelf: SpoolShelf;
  /** One a receiver. */
  readonly #outgoing = new Map<MemberId, Outgoing>();
  /** One a sender. */
  readonly #incoming = new Map<MemberId, Incoming>();
  #replica: SnapshotsReplica | null = null;
  #sentBytes = 0;
  #receivedBytes = 0;
  #installing: { readonly from: MemberId; readonly incoming: Incoming } | null = null;

  constructor(options: SnapshotTrafficOptions) {
    this.#options = options;
    this.#shelf = new SpoolShelf({
      order: options.order,
      appliedIndex: () => this.#replica?.appliedIndex ?? 0,
      ...(options.spoolKeepMs === undefined ? {} : { keepMs: options.spoolKeepMs }),
    });
  }

  serve(replica: SnapshotsReplica): void {
    this.#replica = replica;
  }

  /** Names for /metrics, without their prefix. */
  metrics(): Record<string, number> {
    return { snapshot_sent_bytes_total: this.#sentBytes, snapshot_received_bytes_total: this.#receivedBytes };
  }

  send(to: MemberId, term: Term, indexMin: Index): void {
    const former = this.#outgoing.get(to);
    if (former !== undefined) this.#forget(former, false);
    const outgoing: Outgoing = { to, term, spool: null, sending: null, pause: undefined };
    this.#outgoing.set(to, outgoing);
    // The copy that is sent has at least this index: what lies behind is needed once it is installed.
    this.#replica?.snapshotBegun(to, term, indexMin);
    this.#options.report(`member ${to} is so far behind that the log lacks what it needs: it is sent a copy of the state`);
    void this.#stream(outgoing, indexMin);
  }

  async snapshotWanted(from: MemberId, indexMin: Index): Promise<LentSnapshot> {
    const spool = await this.#shelf.borrow(from, indexMin);
    const index = spool.index as Index;
    const indexTerm = spool.term as Term;
    this.#options.report(`member ${from} fetches a copy of the state up to index ${index}, to repair its own`);
    return {
      offer: { header: { kind: 'snapshot', term: indexTerm, index, indexTerm }, id: spool.id, sizeBytes: spool.file.size },
      source: this.#counted(spool.file),
      giveBack: (taken) => spool.giveBack(taken),
    };
  }

  install(from: MemberId, index: Index): void {
    const incoming = this.#incoming.get(from);
    if (incoming === undefined || incoming.offer.header.index !== index) {
      this.#replica?.snapshotRefused();
      return;
    }
    this.#incoming.delete(from);
    this.#installing = { from, incoming };
    this.#options.report(`a snapshot of member ${from} up to index ${index} is installed`);
    this.#options.order({ kind: 'install', path: incoming.file.path });
  }

  discard(from: MemberId, index: Index): void {
    const incoming = this.#incoming.get(from);
    if (incoming === undefined || incoming.offer.header.index !== index || incoming.settle === null) return;
    this.#incoming.delete(from);
    this.#drop(incoming, null);
  }

  async offered(from: MemberId, offer: SnapshotOffer): Promise<SnapshotSink> {
    const known = this.#incoming.get(from);
    if (known !== undefined && known.settle === null && equalBytes(known.offer.id, offer.id)) {
      // The same file, perhaps of a later term of its sender.
      known.offer = offer;
      // The stream that broke may have left a write under way: the sender goes on behind that.
      await known.writing;
      return this.#sinkOf(from, known);
    }
    if (known !== undefined) {
      this.#incoming.delete(from);
      await known.file.close();
      this.#drop(known, 'another snapshot takes its place');
    }
    const file = await SpoolReceiver.create(newSpoolPath(this.#options.dataDir));
    const incoming: Incoming = { offer, file, writing: Promise.resolve(), settle: null, patience: undefined };
    this.#incoming.set(from, incoming);
    return this.#sinkOf(from, incoming);
  }

  async arrived(from: MemberId, offer: SnapshotOffer): Promise<string | null> {
    const incoming = this.#incoming.get(from);
    if (incoming === undefined || !equalBytes(incoming.offer.id, offer.id)) return 'another snapshot took its place';
    clearTimeout(incoming.patience);
    await incoming.file.close();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        if (this.#incoming.get(from) !== incoming) return;
        this.#incoming.delete(from);
        this.#drop(incoming, 'nothing was decided about it');
      }, decisionMs);
      incoming.settle = (problem) => {
        clearTimeout(timer);
        resolve(problem);
      };
      this.#replica?.received(from, offer.header);
    });
  }

  /** The apply thread did what it was asked. */
  answered(message: Extract<ApplyToConsensus, { readonly kind: 'spooled' | 'spool-failed' | 'install-refused' }>): void {
    if (message.kind === 'install-refused') {
      this.#options.report(message.problem);
      this.#installed(message.problem);
      this.#replica?.snapshotRefused();
    } else {
      void this.#shelf.made(message);
    }
  }

  installed(state: StateReport, configuration: Configuration): void {
    this.#installed(null);
    this.#replica?.snapshotInstalled({
      index: state.appliedIndex as Index,
      term: state.appliedTerm as Term,
      configuration,
      configurationIndex: 0 as Index,
    });
  }

  async close(): Promise<void> {
    for (const outgoing of this.#outgoing.values()) this.#forget(outgoing, false);
    this.#shelf.close();
    for (const incoming of this.#incoming.values()) {
      if (incoming.settle === null) await incoming.file.close();
      this.#drop(incoming, 'this member is stopping');
    }
    this.#incoming.clear();
  }

  async #stream(outgoing: Outgoing, indexMin: Index): Promise<void> {
    const { to, term } = outgoing;
    let spool: Spool;
    try {
      spool = await this.#shelf.borrow(to, indexMin);
    } catch (error) {
      if (this.#outgoing.get(to) === outgoing) this.#notCopied(outgoing, (error as Error).message);
      return;
    }
    if (this.#outgoing.get(to) !== outgoing) return spool.giveBack(false);
    outgoing.spool = spool;
    const index = spool.index as Index;
    this.#replica?.snapshotBegun(to, term, index);
    const header = { kind: 'snapshot', term, index, indexTerm: spool.term as Term } as const;
    const offer = { header, id: spool.id, sizeBytes: spool.file.size };
    outgoing.sending = this.#options.peers.sendSnapshot(to, offer, this.#counted(spool.file), (problem) => {
      if (problem !== null) return this.#failed(outgoing, problem);
      this.#forget(outgoing, true);
      return this.#replica?.snapshotSent(to, term, index);
    });
    if (outgoing.sending === null) this.#failed(outgoing, 'it is no member any more');
    return undefined;
  }

  /** The file, with what is read of it counted: all of it goes out. */
  #counted(file: SpoolReader): SnapshotSource {
    return {
      size: file.size,
      readAt: async (offset, maxBytes) => {
        const bytes = await file.readAt(offset, maxBytes);
        this.#sentBytes += bytes.length;
        return bytes;
      },
    };
  }

  /** The core asks again with the next heartbeat: what fails writes much of a copy, and most likely fails again. */
  #notCopied(outgoing: Outgoing, problem: string): void {
    const { to, term } = outgoing;
    this.#options.report(`there is no copy of the state for member ${to}: ${problem}`);
    outgoing.pause = setTimeout(() => {
      this.#forget(outgoing, false);
      this.#replica?.snapshotFailed(to, term);
    }, this.#options.copyRetryMs ?? copyRetryMsDefault);
  }

  #failed(outgoing: Outgoing, problem: string): void {
    this.#options.report(`the snapshot for member ${outgoing.to} did not get there: ${problem}`);
    this.#forget(outgoing, false);
    this.#replica?.snapshotFailed(outgoing.to, outgoing.term);
  }

  #forget(outgoing: Outgoing, taken: boolean): void {
    const { to, spool, sending, pause } = outgoing;
    this.#outgoing.delete(to);
    clearTimeout(pause);
    sending?.cancel();
    spool?.giveBack(taken);
  }

  /** Where the bytes of a snapshot go. A part of which no more comes does not stay: it may be as large as the state. */
  #sinkOf(from: MemberId, incoming: Incoming): SnapshotSink {
    const { file } = incoming;
    this.#waitForMore(from, incoming);
    return {
      get receivedBytes() {
        return file.receivedBytes;
      },
      append: async (bytes) => {
        // A disk that is slow is not a sender that is gone.
        clearTimeout(incoming.patience);
        const written = file.append(bytes);
        incoming.writing = written.catch(() => undefined);
        await written;
        this.#receivedBytes += bytes.length;
        this.#waitForMore(from, incoming);
      },
    };
  }

  #waitForMore(from: MemberId, incoming: Incoming): void {
    clearTimeout(incoming.patience);
    if (this.#incoming.get(from) !== incoming) return;
    const waitMs = this.#options.partSilenceMsMax ?? partSilenceMsMaxDefault;
    incoming.patience = setTimeout(() => void this.#throwAway(from, incoming, waitMs), waitMs);
  }

  async #throwAway(from: MemberId, incoming: Incoming, waitedMs: number): Promise<void> {
    if (this.#incoming.get(from) !== incoming || incoming.settle !== null) return;
    this.#incoming.delete(from);
    await incoming.file.close();
    this.#drop(incoming, null);
    const { receivedBytes } = incoming.file;
    this.#options.report(
      `member ${from} sent ${receivedBytes} of ${incoming.offer.sizeBytes} bytes of a snapshot and then nothing for ${waitedMs} ms: the part is thrown away`,
    );
  }

  #installed(problem: string | null): void {
    const installing = this.#installing;
    this.#installing = null;
    if (installing !== null) this.#drop(installing.incoming, problem);
  }

  #drop(incoming: Incoming, problem: string | null): void {
    clearTimeout(incoming.patience);
    rmSync(incoming.file.path, { force: true });
    incoming.settle?.(problem);
  }
}
