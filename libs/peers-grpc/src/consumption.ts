import { ByteWriter } from '@env-cli/support';

import type { AcceptedStream } from './accepted-stream.ts';

/** Bytes after which a sender is told what was consumed, at once; less is told with the next check. */
const tellBytes = 256 * 1024;

/** What was consumed of one incoming stream of messages, and what its sender knows of that. */
export class Consumption {
  readonly #stream: AcceptedStream;
  #bytes = 0;
  #told = 0;

  constructor(stream: AcceptedStream) {
    this.#stream = stream;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes - this.#told >= tellBytes) this.tell();
  }

  tell(): void {
    if (this.#bytes === this.#told) return;
    this.#told = this.#bytes;
    this.#stream.write(new ByteWriter(8).u64(this.#bytes).take());
  }
}
