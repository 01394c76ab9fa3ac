import type { FollowerStatus } from './door.ts';
import type { Index, MemberId } from './entry.ts';
import { Inflights } from './inflights.ts';

/** The window of appends on the way to one follower. */
export interface WindowLimits {
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

/**
 * What a leader knows of one follower (etcd/raft, tracker/progress.go).
 *
 * `probe`: where the logs agree is not known; one append at a time. `replicate`: it is known; appends are sent ahead of their
 * answers, within a window. `snapshot`: the follower lacks what the log let go of; nothing is sent until a snapshot has arrived.
 * `matchIndex` only rises; `nextIndex` is above it always.
 */
export class Progress {
  readonly id: MemberId;
  readonly inflights: Inflights;
  matchIndex = 0 as Index;
  nextIndex: Index;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** Of `probe` alone: an append is out, and the next one waits for its answer or the next regular heartbeat's. */
  probeSent = false;
  /** Whether it answered since the last check of the quorum. */
  active = false;
  /** The highest commit index that was sent to it. */
  sentCommit = 0 as Index;
  /** The first round of heartbeats that told it all that a retiring leader has to tell. */
  toldRound = Infinity;
  /** The latest round of heartbeats that it answered. */
  answeredRound = 0;
  /**
   * Set with each regular heartbeat: its answer shall restart a follower that is stuck, as its appends or their answers may be lost.
   * The heartbeats of read rounds do not set it, for they would cost an empty append each while anything is on the way.
   */
  nudge = false;
  /** The `load` that reads entries for it from the log, or null. */
  loadId: number | null = null;

  constructor(id: MemberId, nextIndex: Index, limits: WindowLimits) {
    this.id = id;
    this.nextIndex = nextIndex;
    this.inflights = new Inflights(limits.inflightMessagesMax, limits.inflightBytesMax);
  }

  /** Whether nothing at all is sent to it until it answers, or a snapshot has arrived. */
  get paused(): boolean {
    return this.state === 'snapshot' || (this.state === 'probe' && this.probeSent);
  }

  /** Looks for the place where the logs agree, from `nextIndex` − 1 downwards. */
  becomeProbe(nextIndex = this.matchIndex + 1): void {
    this.state = 'probe';
    this.nextIndex = Math.max(nextIndex, this.matchIndex + 1) as Index;
    this.probeSent = false;
    this.inflights.clear();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.nextIndex = (this.matchIndex + 1) as Index;
    this.inflights.clear();
  }

  becomeSnapshot(): void {
    this.state = 'snapshot';
    this.inflights.clear();
  }

  /** Notes that its log agrees up to `index`. Whether that is news. */
  accepted(index: Index): boolean {
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    this.nextIndex = Math.max(this.nextIndex, index + 1) as Index;
    this.probeSent = false;
    return true;
  }

  /**
   * Notes that its log does not agree at `rejectedIndex`, and may agree at `hintIndex`. False for an answer that came late:
   * what it refuses was accepted since, or is not what was asked last.
   */
  rejected(rejectedIndex: Index, hintIndex: Index): boolean {
    if (this.state === 'snapshot') return false;
    if (this.state === 'replicate') {
      if (rejectedIndex <= this.matchIndex) return false;
      this.becomeProbe();
      return true;
    }
    if (this.nextIndex - 1 !== rejectedIndex) return false;
    this.nextIndex = Math.max(Math.min(rejectedIndex, hintIndex + 1), this.matchIndex + 1) as Index;
    this.probeSent = false;
    return true;
  }

  status(): FollowerStatus {
    return {
      id: this.id,
      state: this.state,
      matchIndex: this.matchIndex,
      nextIndex: this.nextIndex,
      active: this.active,
      inflightMessages: this.inflights.messages,
      inflightBytes: this.inflights.bytes,
    };
  }
}
