import { join } from 'node:path';
import { LogFile } from '@env-cli/log-file';
import type { Entry, HardState, Index, MemberId, Term } from '@env-cli/raft';
import { DataDirectory, markFounded, replaceFile } from '@env-cli/store-lmdb';
import type { Promises } from './acknowledged.ts';
import { applyEntry, positionOf } from './counter-machine.ts';
import { logOpening } from './log-opening.ts';
import { openStateUnderTest, type StateUnderTest, type Way } from './state-under-test.ts';
import { UnderWay } from './under-way.ts';

/** Entries that stay in the log behind a checkpoint, for members that are slow. */
const logTail = 20;

/** Log, state and checkpoint, put together as a member does it, without a cluster: what is committed is decided by the caller. */
export class MemberUnderTest {
  readonly log: LogFile;
  readonly state: StateUnderTest;
  readonly #directory: DataDirectory;
  readonly #mark: (text: string) => void;
  readonly #underWay = new UnderWay();
  #toApply: Entry[] = [];
  #syncing: Promise<void> | null = null;

  private constructor(directory: DataDirectory, log: LogFile, state: StateUnderTest, mark: (text: string) => void) {
    this.#directory = directory;
    this.log = log;
    this.state = state;
    this.#mark = mark;
  }

  /** Opens a member where one is or, if it has never been ready, makes one. Nothing is replayed yet. */
  static async open(way: Way, path: string, ready: boolean, mark: (text: string) => void): Promise<MemberUnderTest> {
    const opening = logOpening(path);
    const directory = DataDirectory.open(path, { bootstrapped: ready, reserveBytes: 0 });
    const { memberId, diskId, clusterId } = opening.identity;
    if (directory.identity === null) directory.claim({ formingId: new Uint8Array(16), clusterId: null, memberId, diskId });
    else directory.expect(ready && way === 'checkpoint' ? opening.identity : { memberId, diskId });
    if (directory.identity?.clusterId === null) replaceFile(join(path, 'founding'), clusterId);
    const log = await LogFile.open({
      ...opening,
      createIfEmpty: !ready,
      onFailure: (failure) => {
        throw failure;
      },
    });
    let state: StateUnderTest | null = null;
    try {
      state = await openStateUnderTest(way, path);
      const { appliedIndex } = state.snapshot(positionOf);
      // The controls keep their state elsewhere, and a founded directory has its own.
      if (way === 'checkpoint') markFounded(path, clusterId);
      directory.expectLogFrom(log.contents.previous.index + 1, appliedIndex);
      return new MemberUnderTest(directory, log, state, mark);
    } catch (error) {
      await log.close();
      await state?.close(false);
      directory.close();
      throw error;
    }
  }

  get applied(): number {
    return this.state.snapshot(positionOf).appliedIndex;
  }

  /**
   * What a start does behind opening: replays what the log holds of the committed entries. A state ahead of its log was
   * installed just before the crash: the log begins anew behind it.
   */
  async recover({ committed }: Promises): Promise<void> {
    const { appliedIndex, appliedTerm } = this.state.snapshot(positionOf);
    const { lastIndex } = this.log.contents;
    if (appliedIndex > lastIndex) {
      await new Promise<void>((resolve) => {
        this.log.reset(appliedIndex as Index, appliedTerm as Term, resolve);
      });
      return;
    }
    const termOf = (index: number) => committed.find(({ from, to }) => from <= index && index <= to)?.term;
    for (let from = appliedIndex + 1; from <= lastIndex;) {
      const entries = await new Promise<Entry[]>((resolve) => {
        this.log.read(from as Index, (lastIndex + 1) as Index, 64 * 1024, resolve);
      });
      const chosen = entries.slice(0, entries.findIndex(({ index, term }) => termOf(index) !== term) >>> 0);
      if (chosen.length > 0) this.#apply(chosen);
      if (chosen.length < entries.length || entries.length === 0) return;
      from += entries.length;
    }
  }

  /** Appends entries; once they are on disk, applies them if they are committed, and says so. Waits while much is under way. */
  async write(entries: readonly Entry[], hardState: HardState | null, committed: boolean): Promise<void> {
    const first = entries[0];
    const last = entries.at(-1);
    if (committed && first !== undefined && last !== undefined) this.#mark(`commit ${first.index} ${last.index} ${first.term}`);
    this.#underWay.begin();
    this.log.append({ hardState, entries }, () => {
      if (hardState !== null) this.#mark(`voted ${hardState.term} ${hardState.votedFor ?? 0}`);
      if (committed && this.#toApply.push(...entries) === entries.length) setImmediate(() => this.#applyWaiting());
      this.#underWay.end();
    });
    await this.#underWay.atMost(6);
  }

  /** Waits until all that was written is on disk, applied and said. */
  async settle(): Promise<void> {
    await this.#underWay.atMost(0);
    this.#applyWaiting();
    await this.#syncing;
  }

  /** Makes the state survive now, and lets the log go of what lies behind. */
  sync(): Promise<void> {
    this.#syncing = this.#sync();
    return this.#syncing;
  }

  async #sync(): Promise<void> {
    const index = await this.state.sync();
    if (index > logTail) this.log.release((index - logTail) as Index);
  }

  async close(inOrder: boolean): Promise<void> {
    await this.settle();
    await this.log.close();
    await this.state.close(inOrder);
    this.#directory.close();
  }

  #applyWaiting(): void {
    const entries = this.#toApply;
    this.#toApply = [];
    if (entries.length === 0) return;
    this.#apply(entries);
    if (this.state.syncDue()) void this.sync();
  }

  #apply(entries: readonly Entry[]): void {
    this.state.transact((tables) => {
      for (const { index, term } of entries) applyEntry(tables, index, term);
    });
    this.#mark(`applied ${entries.at(-1)!.index}`);
  }
}

/** Entries of no content but their place: what they do to the state is in `applyEntry`. */
export function entriesOf(from: number, to: number, term: number, bytes: number): Entry[] {
  const data = new Uint8Array(bytes).fill(term);
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    index: (from + i) as Index,
    term: term as Term,
    kind: 'command',
    data,
  }));
}

export function voteOf(term: number, votedFor: number): HardState {
  return { term: term as Term, votedFor: votedFor === 0 ? null : (votedFor as MemberId) };
}
