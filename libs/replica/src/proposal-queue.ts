import { entryLimits } from '@env-cli/environments';
import type { MemberId, Term } from '@env-cli/raft';

import type { ReplicaLimits } from './limits.ts';
import { commandAt, commandBytesAt, type ProposalBatch, sizeOf } from './proposal-batch.ts';

/** A batch that waits, or a part of one is proposed already. */
export interface WaitingBatch {
  readonly batch: ProposalBatch;
  /** Null when this member's own API asked. */
  readonly forwardedBy: { readonly member: MemberId; readonly id: number; readonly term: Term } | null;
  readonly sinceMs: number;
  /** Commands before this place are proposed or past their deadline. */
  next: number;
}

/** A run of commands of one batch: from `first` (inclusive) to `end` (exclusive). */
export interface BatchPart {
  readonly waiting: WaitingBatch;
  readonly first: number;
  readonly end: number;
}

/** What goes into the next entry. */
export interface PackedEntry {
  readonly commands: readonly Uint8Array[];
  readonly parts: readonly BatchPart[];
}

/** Commands in the order in which they came, until they are proposed, forwarded or refused. */
export class ProposalQueue {
  readonly #limits: ReplicaLimits;
  #batches: WaitingBatch[] = [];
  #commands = 0;
  #bytes = 0;

  constructor(limits: ReplicaLimits) {
    this.#limits = limits;
  }

  get commands(): number {
    return this.#commands;
  }

  get batches(): readonly WaitingBatch[] {
    return this.#batches;
  }

  /** False when there is no room for all of the batch. One batch is always let in. */
  add(waiting: WaitingBatch): boolean {
    const size = sizeOf(waiting.batch);
    const full =
      this.#commands + size > this.#limits.waitingCommandsMax ||
      this.#bytes + waiting.batch.bytes.length > this.#limits.waitingBytesMax;
    if (full && this.#commands > 0) return false;
    this.#batches.push(waiting);
    this.#commands += size;
    this.#bytes += waiting.batch.bytes.length;
    return true;
  }

  /** What the next entry holds, or null when nothing waits. Nothing changes until it is taken. */
  pack(nowMs: number): PackedEntry | null {
    const commands: Uint8Array[] = [];
    const parts: BatchPart[] = [];
    let bytes = 0;
    let rows = 0;
    for (const waiting of this.#batches) {
      const size = sizeOf(waiting.batch);
      let first = waiting.next;
      let place = first;
      for (; place < size; place++) {
        if (waiting.batch.deadlinesMs[place]! <= nowMs) {
          if (place > first) parts.push({ waiting, first, end: place });
          first = place + 1;
          continue;
        }
        const commandBytes = commandBytesAt(waiting.batch, place);
        const commandRows = waiting.batch.rows[place]!;
        const full =
          commands.length === this.#limits.entryCommandsMax ||
          bytes + commandBytes > this.#limits.entryBytesMax ||
          rows + commandRows > entryLimits.commandRowsMax;
        if (full && commands.length > 0) {
          if (place > first) parts.push({ waiting, first, end: place });
          return { commands, parts };
        }
        commands.push(commandAt(waiting.batch, place));
        bytes += commandBytes;
        rows += commandRows;
      }
      if (place > first) parts.push({ waiting, first, end: place });
    }
    return commands.length === 0 ? null : { commands, parts };
  }

  /** The packed commands, and those before them that had passed their deadline, wait no longer. */
  take(packed: PackedEntry): void {
    for (const { waiting, end } of packed.parts) this.advance(waiting, end);
  }

  /** The commands of a batch before `place` wait no longer. */
  advance(waiting: WaitingBatch, place: number): void {
    this.#commands -= place - waiting.next;
    waiting.next = place;
  }

  /**
   * Marks what passed its deadline, so that it is never packed, and answers the request numbers of this member's own among it.
   * A mark is a deadline of −∞: it is answered once.
   */
  expire(nowMs: number): number[] {
    const counters: number[] = [];
    for (const waiting of this.#batches) {
      const { deadlinesMs, counters: all } = waiting.batch;
      for (let place = waiting.next; place < deadlinesMs.length; place++) {
        if (deadlinesMs[place]! > nowMs) continue;
        if (deadlinesMs[place] !== -Infinity && waiting.forwardedBy === null) counters.push(all[place]!);
        deadlinesMs[place] = -Infinity;
        if (place === waiting.next) this.advance(waiting, place + 1);
      }
    }
    return counters;
  }

  /** Takes out what has nothing left to propose, and what `leaves` picks; answers both, in order. */
  sweep(leaves: (waiting: WaitingBatch) => boolean): WaitingBatch[] {
    const gone: WaitingBatch[] = [];
    const kept: WaitingBatch[] = [];
    for (const waiting of this.#batches) {
      const left = sizeOf(waiting.batch) - waiting.next;
      if (left > 0 && !leaves(waiting)) {
        kept.push(waiting);
        continue;
      }
      this.#commands -= left;
      this.#bytes -= waiting.batch.bytes.length;
      gone.push(waiting);
    }
    if (gone.length > 0) this.#batches = kept;
    return gone;
  }
}
