import type { RateLimit } from './rate-limit.ts';
import { encodePart } from './snapshot-bytes.ts';

/** A finished snapshot's file. */
export interface SnapshotSource {
  readonly size: number;
  /** The bytes from `offset` on, at most `maxBytes`; none at the end. */
  readAt(offset: number, maxBytes: number): Promise<Uint8Array>;
}

export interface SnapshotPumpOptions {
  readonly stream: { readonly open: boolean; write(bytes: Uint8Array): void };
  readonly source: SnapshotSource;
  readonly rate: RateLimit;
  /** Called once, when the file cannot be read to its end. */
  readonly onProblem: (problem: string) => void;
}

/** Of the file in one frame. It is less at a low rate (`RateLimit.portion`). */
const chunkBytesMax = 512 * 1024;

/** Bytes on their way that the receiver has not written. */
const windowBytesMax = 4 * 1024 * 1024;

/** Sends the bytes of a file on one stream, from where the receiver is, at a bounded rate and within a window. */
export class SnapshotPump {
  readonly #options: SnapshotPumpOptions;
  #takenBytes = 0;
  #sentBytes = 0;
  #sending = false;
  #stopped = false;

  constructor(options: SnapshotPumpOptions) {
    this.#options = options;
  }

  /** The receiver has so much of the file. */
  taken(offset: number): void {
    this.#takenBytes = offset;
    this.#sentBytes = Math.max(this.#sentBytes, offset);
    void this.#send();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#mayGoOn()) await this.#sendChunk();
    } catch (error) {
      this.#problem(`the file of the snapshot cannot be read: ${(error as Error).message}`);
    } finally {
      this.#sending = false;
    }
  }

  async #sendChunk(): Promise<void> {
    const { source, rate, stream } = this.#options;
    const offset = this.#sentBytes;
    const bytes = await source.readAt(offset, rate.portion(chunkBytesMax));
    if (bytes.length === 0) return this.#problem('the file of the snapshot is shorter than it was');
    const waitMs = rate.take(bytes.length);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (this.#stopped || !stream.open) return undefined;
    stream.write(encodePart({ kind: 'chunk', offset, bytes }));
    this.#sentBytes = offset + bytes.length;
    return undefined;
  }

  /** Whether there is more to send, and room for it on the way. */
  #mayGoOn(): boolean {
    const isRoom = this.#sentBytes < this.#options.source.size && this.#sentBytes - this.#takenBytes < windowBytesMax;
    return !this.#stopped && this.#options.stream.open && isRoom;
  }

  #problem(problem: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.onProblem(problem);
  }
}
