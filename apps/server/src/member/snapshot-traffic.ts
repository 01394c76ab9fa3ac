import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { GrpcPeers, SnapshotOffer, SnapshotSink, SnapshotSource } from '@env-cli/peers-grpc';
import type { Configuration, Index, MemberId, Term } from '@env-cli/raft';
import type { Replica, Snapshots } from '@env-cli/replica';
import { newSpoolPath, SpoolReader, SpoolReceiver } from '@env-cli/store-lmdb';
import { equalBytes } from '@env-cli/support';

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
}

const partSilenceMsMaxDefault = 120_000;

/** A snapshot on its way out. */
interface Outgoing {
  readonly to: MemberId;
  readonly term: Term;
  readonly indexMin: Index;
  path: string | null;
  file: SpoolReader | null;
  sending: { cancel(): void } | null;
}

/** A snapshot on its way in, or the part of one whose stream broke. */
interface Incoming {
  readonly offer: SnapshotOffer;
  readonly file: SpoolReceiver;
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
  readonly #outgoing = new Map<number, Outgoing>();
  /** One a sender. */
  readonly #incoming = new Map<MemberId, Incoming>();
  #replica: Replica | null = null;
  #lastSpool = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #installing: { readonly from: MemberId; readonly incoming: Incoming } | null = null;

  constructor(options: SnapshotTrafficOptions) {
    this.#options = options;
  }

  serve(replica: Replica): void {
    this.#replica = replica;
  }

  /** Names for /metrics, without their prefix. */
  metrics(): Record<string, number> {
    return { snapshot_sent_bytes_total: this.#sentBytes, snapshot_received_bytes_total: this.#receivedBytes };
  }

  send(to: MemberId, term: Term, indexMin: Index): void {
    for (const [id, outgoing] of this.#outgoing) if (outgoing.to === to) this.#forget(id, outgoing);
    const id = ++this.#lastSpool;
    this.#outgoing.set(id, { to, term, indexMin, path: null, file: null, sending: null });
    // The state that will be copied has at least this index: what lies behind is needed once it is installed.
    this.#replica?.snapshotBegun(to, term, indexMin);
    this.#options.report(`member ${to} is so far behind that the log lacks what it needs: the state is copied for it`);
    this.#options.order({ kind: 'spool', id });
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
    if (known !== undefined && known.settle === null && equalBytes(known.offer.id, offer.id)) return this.#sinkOf(from, known);
    if (known !== undefined) {
      this.#incoming.delete(from);
      await known.file.close();
      this.#drop(known, 'another snapshot takes its place');
    }
    const file = await SpoolReceiver.create(newSpoolPath(this.#options.dataDir));
    const incoming: Incoming = { offer, file, settle: null, patience: undefined };
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
    } else if (message.kind === 'spool-failed') {
      const outgoing = this.#outgoing.get(message.id);
      this.#options.report(`the state could not be copied: ${message.problem}`);
      if (outgoing !== undefined) this.#failed(message.id, outgoing);
    } else {
      void this.#spooled(message);
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
    for (const [id, outgoing] of this.#outgoing) this.#forget(id, outgoing);
    for (const incoming of this.#incoming.values()) {
      if (incoming.settle === null) await incoming.file.close();
      this.#drop(incoming, 'this member is stopping');
    }
    this.#incoming.clear();
  }

  async #spooled({ id, path, index, term }: Extract<ApplyToConsensus, { readonly kind: 'spooled' }>): Promise<void> {
    const outgoing = this.#outgoing.get(id);
    if (outgoing === undefined || index < outgoing.indexMin) {
      rmSync(path, { force: true });
      if (outgoing !== undefined) this.#failed(id, outgoing);
      return;
    }
    outgoing.path = path;
    const { to } = outgoing;
    const file = await SpoolReader.open(path);
    if (!this.#outgoing.has(id)) return file.close();
    outgoing.file = file;
    this.#replica?.snapshotBegun(to, outgoing.term, index as Index);
    const header = { kind: 'snapshot', term: outgoing.term, index: index as Index, indexTerm: term as Term } as const;
    const offer = { header, id: new Uint8Array(randomBytes(16)), sizeBytes: file.size };
    outgoing.sending = this.#options.peers.sendSnapshot(to, offer, this.#counted(file), (problem) => {
      if (problem !== null) {
        this.#options.report(`the snapshot for member ${to} did not get there: ${problem}`);
        this.#failed(id, outgoing);
        return;
      }
      this.#forget(id, outgoing);
      this.#replica?.snapshotSent(to, outgoing.term, index as Index);
    });
    if (outgoing.sending === null) this.#failed(id, outgoing);
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

  #failed(id: number, outgoing: Outgoing): void {
    this.#forget(id, outgoing);
    this.#replica?.snapshotFailed(outgoing.to, outgoing.term);
  }

  #forget(id: number, { path, file, sending }: Outgoing): void {
    this.#outgoing.delete(id);
    sending?.cancel();
    void file?.close();
    if (path !== null) rmSync(path, { force: true });
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
        await file.append(bytes);
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
