import type { Standing } from '@env-cli/replica';
import { type ByteReader, ByteWriter } from '@env-cli/support';

import type { AcceptedStream } from './accepted-stream.ts';
import { readStanding, writeStanding } from './standing-bytes.ts';

/** Bytes after which a sender is told what was consumed, at once; less is told with the next check. */
const tellBytes = 256 * 1024;

/** What goes back on a stream of messages: how much of it was consumed, and how the disk of whoever consumes it stands. */
export interface Backward {
  readonly consumedBytes: number;
  readonly standing: Standing;
}

export function readBackward(reader: ByteReader): Backward {
  const backward = { consumedBytes: reader.u64(), standing: readStanding(reader) };
  reader.end();
  return backward;
}

/** What was consumed of one incoming stream of messages, and what its sender knows of that. */
export class Consumption {
  readonly #stream: AcceptedStream;
  #bytes = 0;
  #told = 0;
  #standing: Standing;

  constructor(stream: AcceptedStream, standing: Standing) {
    this.#stream = stream;
    this.#standing = standing;
    this.#write();
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes - this.#told >= tellBytes) this.#write();
  }

  /** With each check: tells what is new. */
  tell(standing: Standing): void {
    const { term, votedFor, entryTerm, entryIndex } = this.#standing;
    const moved =
      standing.term !== term ||
      standing.votedFor !== votedFor ||
      standing.entryTerm !== entryTerm ||
      standing.entryIndex !== entryIndex;
    this.#standing = standing;
    if (moved || this.#bytes !== this.#told) this.#write();
  }

  #write(): void {
    this.#told = this.#bytes;
    this.#stream.write(writeStanding(new ByteWriter(40).u64(this.#bytes), this.#standing).take());
  }
}
