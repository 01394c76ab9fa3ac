/** How long the log's syncs take. */
export class SyncFigures {
  #count = 0;
  #seconds = 0;
  #secondsMax = 0;
  #bytes = 0;

  add(milliseconds: number, bytes: number): void {
    this.#count++;
    this.#seconds += milliseconds / 1000;
    this.#secondsMax = Math.max(this.#secondsMax, milliseconds / 1000);
    this.#bytes += bytes;
  }

  /** Totals since the start; the longest since the last call. */
  metrics(): Record<string, number> {
    const longest = this.#secondsMax;
    this.#secondsMax = 0;
    return {
      log_syncs_total: this.#count,
      log_sync_seconds_total: this.#seconds,
      log_sync_max_seconds: longest,
      log_written_bytes_total: this.#bytes,
    };
  }
}
