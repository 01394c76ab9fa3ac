import type { Position } from './batch.ts';

/** A batch that holds entries, and which of them still count. */
export interface Place extends Position {
  /** The batch's length in the file. */
  readonly bytes: number;
  readonly firstIndex: number;
  /** Exclusive: a later batch replaced what stands from here on. */
  readonly endIndex: number;
}

/**
 * Where entries lie: for each batch with entries that still count its first index and its place, in columns of numbers
 * (32 bytes a batch, whatever it holds).
 */
export class BatchMap {
  #firstIndex: number[] = [];
  #segment: number[] = [];
  #offset: number[] = [];
  #bytes: number[] = [];
  #endIndex = 0;

  /** The index behind the last entry; 0 for a map without entries. */
  get endIndex(): number {
    return this.#endIndex;
  }

  /** Adds a batch behind all others in the log. Earlier entries from `firstIndex` on no longer count. */
  add(batch: Place): void {
    let kept = this.#firstIndex.length;
    while (kept > 0 && this.#firstIndex[kept - 1]! >= batch.firstIndex) kept--;
    for (const column of this.#columns()) column.length = kept;
    this.#firstIndex.push(batch.firstIndex);
    this.#segment.push(batch.segment);
    this.#offset.push(batch.offset);
    this.#bytes.push(batch.bytes);
    this.#endIndex = batch.endIndex;
  }

  /**
   * The batches that hold the entries from `index` on, in order: those of one segment whose bytes one read of `bytesMax`
   * spans, but at least one. None when `index` is not held.
   */
  from(index: number, bytesMax: number): Place[] {
    let at = this.#find(index);
    if (at < 0 || index >= this.#endIndex) return [];
    const first = this.#place(at);
    const places = [first];
    while (++at < this.#firstIndex.length) {
      const place = this.#place(at);
      if (place.segment !== first.segment || place.offset + place.bytes - first.offset > bytesMax) break;
      places.push(place);
    }
    return places;
  }

  /** The last index that counts in the segments up to `segment`; 0 when there is none. */
  lastIndexUpTo(segment: number): number {
    const later = this.#firstInOrBehind(segment + 1);
    if (later === 0) return 0;
    return (later < this.#firstIndex.length ? this.#firstIndex[later]! : this.#endIndex) - 1;
  }

  /** Forgets the batches of the segments up to `segment`. */
  dropUpTo(segment: number): void {
    const later = this.#firstInOrBehind(segment + 1);
    for (const column of this.#columns()) column.splice(0, later);
    if (this.#firstIndex.length === 0) this.#endIndex = 0;
  }

  /** The position in the columns of the batch that holds `index`; −1 when it stands before the first. */
  #find(index: number): number {
    return firstAbove(this.#firstIndex, index) - 1;
  }

  #firstInOrBehind(segment: number): number {
    return firstAbove(this.#segment, segment - 1);
  }

  #place(at: number): Place {
    return {
      segment: this.#segment[at]!,
      offset: this.#offset[at]!,
      bytes: this.#bytes[at]!,
      firstIndex: this.#firstIndex[at]!,
      endIndex: this.#firstIndex[at + 1] ?? this.#endIndex,
    };
  }

  #columns(): readonly number[][] {
    return [this.#firstIndex, this.#segment, this.#offset, this.#bytes];
  }
}

/** Where the first number above `bound` stands in an ascending column; its length if there is none. */
function firstAbove(column: readonly number[], bound: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle]! <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
