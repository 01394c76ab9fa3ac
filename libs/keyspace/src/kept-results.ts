import type { ByteReader, ByteWriter } from '@env-cli/support';

import type { Revision } from './revision.ts';

/** What a session keeps of the answer to one command: what became of it (a code of the caller's, u8), and a revision. */
export interface KeptResult {
  readonly code: number;
  readonly revision: Revision;
}

/** The kept results of a session, sorted by sequence. Most come at the end and go at the beginning. */
export class KeptResults {
  #sequences: number[] = [];
  #codes: number[] = [];
  #revisions: number[] = [];
  /** Results before this place are dropped already, and leave the arrays when they are half of them. */
  #start = 0;

  get size(): number {
    return this.#sequences.length - this.#start;
  }

  get(sequence: number): KeptResult | null {
    const at = this.#placeOf(sequence);
    if (this.#sequences[at] !== sequence) return null;
    return { code: this.#codes[at]!, revision: this.#revisions[at]! as Revision };
  }

  add(sequence: number, result: KeptResult): void {
    const at = this.#placeOf(sequence);
    if (at === this.#sequences.length) {
      this.#sequences.push(sequence);
      this.#codes.push(result.code);
      this.#revisions.push(result.revision);
      return;
    }
    this.#sequences.splice(at, 0, sequence);
    this.#codes.splice(at, 0, result.code);
    this.#revisions.splice(at, 0, result.revision);
  }

  /** Forgets the results of all sequences below `sequence`. */
  dropBelow(sequence: number): void {
    while (this.#start < this.#sequences.length && this.#sequences[this.#start]! < sequence) this.#start++;
    if (this.#start * 2 < this.#sequences.length) return;
    this.#sequences.splice(0, this.#start);
    this.#codes.splice(0, this.#start);
    this.#revisions.splice(0, this.#start);
    this.#start = 0;
  }

  /** Their number, then for each the distance from the sequence before, code and revision. */
  encode(writer: ByteWriter): void {
    writer.varint(this.size);
    let before = 0;
    for (let i = this.#start; i < this.#sequences.length; i++) {
      const sequence = this.#sequences[i]!;
      writer
        .varint(sequence - before)
        .u8(this.#codes[i]!)
        .varint(this.#revisions[i]!);
      before = sequence;
    }
  }

  static decode(reader: ByteReader): KeptResults {
    const results = new KeptResults();
    let sequence = 0;
    for (let left = reader.varint(); left > 0; left--) {
      sequence += reader.varint();
      results.#sequences.push(sequence);
      results.#codes.push(reader.u8());
      results.#revisions.push(reader.varint());
    }
    return results;
  }

  /** The place of the first kept sequence that is not below this one. */
  #placeOf(sequence: number): number {
    const sequences = this.#sequences;
    if (sequences.length === this.#start || sequences.at(-1)! < sequence) return sequences.length;
    let low = this.#start;
    let high = sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sequences[middle]! < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
