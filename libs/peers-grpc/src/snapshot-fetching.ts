import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Index } from '@env-cli/raft';
import type { Hello, HelloRefusal } from '@env-cli/replica';
import { equalBytes, MalformedBytes } from '@env-cli/support';

import { DialedStream } from './dialed-stream.ts';
import { peersService } from './service.ts';
import { decodePart, encodeReply, type SnapshotOffer } from './snapshot-bytes.ts';
import type { SnapshotSink } from './snapshot-receiving.ts';

export interface SnapshotFetchOptions {
  readonly address: string;
  readonly hello: () => Hello;
  readonly credentials: () => ChannelCredentials;
  /** Looks at who answered. */
  readonly refuse: (hello: Hello) => HelloRefusal | null;
  /** The lowest index of a state that will do. */
  readonly indexMin: Index;
  /** Where the bytes of an offer go, from their beginning. Called again only when another file is offered. */
  readonly begin: (offer: SnapshotOffer) => Promise<SnapshotSink>;
  readonly progress: (receivedBytes: number, sizeBytes: number) => void;
  /** Milliseconds without a byte, once some came, after which the stream is given up and dialed anew. Defaults to 60,000. */
  readonly silenceMsMax?: number;
}

/** Why nothing was fetched, for people. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';
  /** What the member that was asked, or this one, had against the other; null when it was not that. */
  readonly refusal: HelloRefusal | null;

  constructor(message: string, refusal: HelloRefusal | null) {
    super(message);
    this.refusal = refusal;
  }
}

const silenceMsMaxDefault = 60_000;

/** Milliseconds that the other side may take to copy its state: ten million environments take minutes. */
const copyMsMax = 10 * 60 * 1000;

/** A stream that breaks is dialed again, from where the file is: so often in a row without a byte more. Not where nothing ever came: somebody else can be asked. */
const triesMax = 5;
const retryMs = 500;

/** Milliseconds that the other side has to end a stream whose file is here. */
const goodbyeMsMax = 1_000;

/** Fetches a copy of the state of another member, and goes on where it was when a stream breaks. Rejects with {@link FetchFailed}, or as `begin` and its sink do. */
export async function fetchSnapshot(options: SnapshotFetchOptions): Promise<SnapshotOffer> {
  let held: Held | null = null;
  for (let tries = 1; ; tries++) {
    const before = held?.sink.receivedBytes ?? 0;
    const stream: FetchStream = new FetchStream(options, held);
    const ended = await stream.ended;
    if (ended.kind === 'whole') return ended.offer;
    held = stream.held;
    if (ended.kind === 'failed') throw ended.error;
    if ((held?.sink.receivedBytes ?? 0) > before) tries = 0;
    if (held === null || tries >= triesMax) throw new FetchFailed(ended.reason, null);
    await new Promise((resolve) => setTimeout(resolve, retryMs * Math.max(1, tries)));
  }
}

/** What there is of a file. */
interface Held {
  readonly offer: SnapshotOffer;
  readonly sink: SnapshotSink;
}

type FetchEnd =
  | { readonly kind: 'whole'; readonly offer: SnapshotOffer }
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: Error };

/** One stream of it. */
class FetchStream {
  readonly ended: Promise<FetchEnd>;
  held: Held | null;
  readonly #options: SnapshotFetchOptions;
  readonly #end: (end: FetchEnd) => void;
  readonly #stream: DialedStream;
  #isOffered = false;
  #expectedBytes = 0;
  /** Chunks are written one after another; the sender's window bounds how many wait. */
  #writing: Promise<void> = Promise.resolve();
  #patience: NodeJS.Timeout | undefined;

  constructor(options: SnapshotFetchOptions, held: Held | null) {
    this.#options = options;
    this.held = held;
    const { promise, resolve } = Promise.withResolvers<FetchEnd>();
    this.ended = promise;
    this.#end = resolve;
    const { address, hello, credentials, refuse, indexMin } = options;
    this.#stream = new DialedStream({
      method: peersService.Fetch,
      address,
      hello: hello(),
      credentials: credentials(),
      refuse,
      onOpen: () => {
        this.#stream.write(encodeReply({ kind: 'want', indexMin }));
        this.#waitForMore(copyMsMax);
      },
      onFrame: (bytes) => this.#take(bytes),
      onClosed: (reason, refusal) => void this.#closed(reason, refusal),
    });
  }

  #take(bytes: Uint8Array): void {
    const part = decodePart(bytes);
    this.#waitForMore();
    if (part.kind === 'unavailable') {
      this.#fail(new FetchFailed(part.problem, null));
    } else if (part.kind === 'offer') {
      if (this.#isOffered) throw new MalformedBytes('a second snapshot in one stream');
      this.#isOffered = true;
      this.#then(() => this.#begin(part.offer));
    } else {
      if (!this.#isOffered || part.offset !== this.#expectedBytes)
        throw new MalformedBytes(`a chunk at byte ${part.offset} of a snapshot, where byte ${this.#expectedBytes} comes next`);
      this.#expectedBytes += part.bytes.length;
      this.#then(() => this.#write(part.bytes));
    }
  }

  async #begin(offer: SnapshotOffer): Promise<void> {
    const { held } = this;
    this.held = held !== null && equalBytes(held.offer.id, offer.id) ? held : { offer, sink: await this.#options.begin(offer) };
    this.#expectedBytes = this.held.sink.receivedBytes;
    this.#told();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.held!.sink.append(bytes);
    this.#told();
  }

  #told(): void {
    const { offer, sink } = this.held!;
    const { receivedBytes } = sink;
    this.#options.progress(receivedBytes, offer.sizeBytes);
    if (receivedBytes > offer.sizeBytes) throw new FetchFailed('it sent more than it had said', null);
    if (!this.#stream.open) return;
    this.#stream.write(encodeReply({ kind: 'have', offset: receivedBytes }));
    if (receivedBytes < offer.sizeBytes) return;
    this.#stream.write(encodeReply({ kind: 'done' }));
    this.#end({ kind: 'whole', offer });
    // The other side ends the stream when it has read that.
    this.#waitForMore(goodbyeMsMax);
  }

  #then(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error: Error) => this.#fail(error));
  }

  #fail(error: Error): void {
    this.#end({ kind: 'failed', error });
    this.#stream.close(error.message);
  }

  async #closed(reason: string, refusal: HelloRefusal | null): Promise<void> {
    clearTimeout(this.#patience);
    // What came in is kept: the next stream begins behind it.
    await this.#writing;
    if (refusal === null) this.#end({ kind: 'broken', reason });
    else this.#end({ kind: 'failed', error: new FetchFailed(refusal.message, refusal) });
  }

  #waitForMore(waitMs = this.#options.silenceMsMax ?? silenceMsMaxDefault): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#stream.close(`nothing came for ${waitMs} ms`), waitMs);
  }
}
