import type { LoggerService } from '@nestjs/common';

import type { Log } from './log.ts';

/** Nest's own messages in the member's log: what it says of its wiring is for those who debug. */
export class NestLog implements LoggerService {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  log(message: unknown): void {
    this.#log.debug(String(message));
  }

  warn(message: unknown): void {
    this.#log.warn(String(message));
  }

  error(message: unknown): void {
    this.#log.error(String(message));
  }
}
