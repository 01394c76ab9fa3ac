import { setTimeout as pause } from 'node:timers/promises';

import { type Client, connect } from '@env-cli/client';

import { electionMs } from './trial.ts';
import type { Workload } from './workload.ts';

/** What a reader waits between two reads, in milliseconds: many a one falls into every step of a change, and the machine has room for the rest. */
const paceMs = 20;
/** Numbers of readers in the history stand apart from those of the load's own clients. */
const firstNumber = 1000;

/** One strong read, on this process's monotonic clock. */
export interface StrongRead {
  readonly reader: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Why it failed; null: it did not. */
  readonly failure: string | null;
}

/** Readers that do nothing but strong reads, one at a time each, and note of every one when it began, when it ended, and whether it failed. */
export class StrongReads {
  readonly made: StrongRead[] = [];
  readonly #workload: Workload;
  readonly #readers = new Map<string, { readonly over: AbortController; readonly running: Promise<void> }>();
  #number = firstNumber;

  constructor(workload: Workload) {
    this.#workload = workload;
  }

  /** Begins to read, as one of the SDK's clients of several addresses, or at one member. */
  async begin(reader: string, addresses: string, options: { readonly followLeader: boolean }): Promise<void> {
    // A read that takes longer than an election has failed, whatever becomes of it.
    const client = await connect(addresses, { ...options, timeoutMs: electionMs, connectTimeoutMs: electionMs });
    const over = new AbortController();
    const running = this.#read(reader, client, over.signal);
    running.catch(() => undefined);
    this.#readers.set(reader, { over, running });
  }

  /** Lets the read that is under way end. */
  async end(reader: string): Promise<void> {
    const { over, running } = this.#readers.get(reader)!;
    over.abort();
    this.#readers.delete(reader);
    await running;
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#readers.keys()].map((reader) => this.end(reader)));
  }

  async #read(reader: string, client: Client, over: AbortSignal): Promise<void> {
    const number = this.#number++;
    try {
      while (!over.aborted) {
        const startMs = performance.now();
        const failed = await this.#workload.readOnce(client, number);
        const failure = failed === null ? null : `${failed.reason}: ${failed.message}`;
        this.made.push({ reader, startMs, endMs: performance.now(), failure });
        await pause(paceMs);
      }
    } finally {
      await client.close();
    }
  }
}

/** A stretch of one reader, in milliseconds. */
export interface Stretch {
  readonly reader: string;
  readonly startMs: number;
  readonly lengthMs: number;
  /** Why the first of the reads that failed in it did; null: none did. */
  readonly failure: string | null;
}

/**
 * The longest stretch in which a reader's strong reads failed: from the beginning of the first of them to the end of the next that did
 * not, or of its last one. Null when none failed.
 */
export function longestFailure(reads: readonly StrongRead[]): Stretch | null {
  return longest(reads, (own) => {
    const stretches: Stretch[] = [];
    let first: StrongRead | null = null;
    for (const read of own) {
      if (read.failure !== null) first ??= read;
      if (first !== null) stretches.push(stretchOf(first, first.startMs, read.endMs));
      if (read.failure === null) first = null;
    }
    return stretches;
  });
}

/** The longest time that a reader was without an answer: from the end of one strong read that did not fail to that of the next. */
export function longestGap(reads: readonly StrongRead[]): Stretch | null {
  return longest(reads, (own) => {
    const answered = own.filter(({ failure }) => failure === null);
    return answered.slice(1).map((read, at) => stretchOf(read, answered[at]!.endMs, read.endMs));
  });
}

function stretchOf({ reader, failure }: StrongRead, startMs: number, endMs: number): Stretch {
  return { reader, startMs, lengthMs: endMs - startMs, failure };
}

function longest(reads: readonly StrongRead[], stretchesOf: (own: readonly StrongRead[]) => readonly Stretch[]): Stretch | null {
  const stretches = Object.values(Object.groupBy(reads, ({ reader }) => reader)).flatMap((own) => stretchesOf(own!));
  return stretches.reduce<Stretch | null>((most, one) => (one.lengthMs > (most?.lengthMs ?? -1) ? one : most), null);
}
