/**
 * The reads that wait at a follower for its leader's answer. One request is out at a time, for all that came before it; what comes
 * meanwhile waits for the next. Each request has a fresh id, retries too; ids ascend.
 */
export class ReadRequests {
  /** In the order in which they came: the loop's id, and the first request that was, or will be, sent after it came. */
  #waiting: { readonly id: number; readonly request: number }[] = [];
  #sent: number;
  #answered: number;

  /**
   * `start` is a number that another life of this member did not begin with, so that an answer to a request of that life is
   * not taken for one of ours.
   */
  constructor(start: number) {
    this.#sent = start;
    this.#answered = start;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether reads wait and no request is out. */
  get due(): boolean {
    return this.#waiting.length > 0 && this.#answered === this.#sent;
  }

  add(id: number): void {
    this.#waiting.push({ id, request: this.#sent + 1 });
  }

  /** The id of the next request, which the caller sends. An earlier one that is still out may be answered too. */
  send(): number {
    return ++this.#sent;
  }

  /** The leader answered this request: returns the reads that came before it was sent. */
  answered(request: number): number[] {
    if (request > this.#sent || request <= this.#answered) return [];
    this.#answered = request;
    const open = this.#waiting.findIndex((read) => read.request > request);
    return this.#waiting.splice(0, open < 0 ? this.#waiting.length : open).map((read) => read.id);
  }

  /** The leader is gone: returns the reads that waited for it, and expects no answer any more. */
  abandon(): number[] {
    this.#answered = this.#sent;
    return this.#waiting.splice(0).map((read) => read.id);
  }
}
