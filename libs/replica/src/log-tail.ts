import type { Index } from '@env-cli/raft';

/** A mark is set each time so many bytes were appended. */
const markBytes = 1024 * 1024;

/** How much of the log is kept behind its end, for followers that were away for a moment. */
export class LogTail {
  readonly #entriesMax: number;
  readonly #marksMax: number;
  /** The last index at each mark, oldest first: between two of them lie `markBytes`, about. */
  #marks: number[] = [];
  #sinceMark = 0;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#marksMax = Math.max(1, Math.ceil(bytesMax / markBytes));
  }

  appended(index: Index, bytes: number): void {
    this.#sinceMark += bytes;
    if (this.#sinceMark < markBytes) return;
    this.#sinceMark = 0;
    // An index that was overwritten leaves marks that are too high, which would let go of too much.
    while (this.#marks.length > 0 && this.#marks.at(-1)! >= index) this.#marks.pop();
    this.#marks.push(index);
    if (this.#marks.length > this.#marksMax) this.#marks = this.#marks.slice(-this.#marksMax);
  }

  /** The highest index that the tail does not need. */
  behind(lastIndex: Index): number {
    const byBytes = this.#marks.length < this.#marksMax ? 0 : this.#marks[0]!;
    return Math.max(0, byBytes, lastIndex - this.#entriesMax);
  }
}
