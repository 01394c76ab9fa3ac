import { DiskMemory } from '@env-cli/replica';
import { readSeenDisks, writeSeenDisks } from '@env-cli/store-lmdb';

/** Milliseconds between two writes of what was learnt: what a crash forgets of it. */
const rememberMs = 2_000;

/** What is remembered of the other members' disks, kept over restarts of this member. */
export class SeenDisks {
  readonly memory: DiskMemory;
  readonly #directory: string;
  readonly #report: (message: string) => void;
  readonly #look: () => void;
  readonly #timer: NodeJS.Timeout;
  #written: number;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #complained = false;

  /** `look` is called before each write, to bring in what is known elsewhere. */
  constructor(directory: string, report: (message: string) => void, look: () => void) {
    this.#directory = directory;
    this.#report = report;
    this.#look = look;
    const { disks, problem } = readSeenDisks(directory);
    if (problem !== null) report(`${problem}: what this member remembered of the disks of others is forgotten, and learnt anew`);
    this.memory = new DiskMemory(disks);
    this.#written = this.memory.changes;
    this.#timer = setInterval(() => this.#remember(), rememberMs);
  }

  /** Writes nothing more of its own accord. */
  halt(): void {
    clearInterval(this.#timer);
  }

  /** Writes what was not written yet. */
  async close(): Promise<void> {
    this.halt();
    await this.#writing;
    this.#remember();
    await this.#writing;
  }

  /** The disk works on other threads meanwhile. A write that fails stops nobody: to forget is allowed. */
  #remember(): void {
    if (this.#isWriting) return;
    this.#look();
    const { changes } = this.memory;
    if (changes === this.#written) return;
    this.#isWriting = true;
    this.#writing = this.#write(changes);
  }

  /** Never rejects. */
  async #write(changes: number): Promise<void> {
    try {
      await writeSeenDisks(this.#directory, this.memory.remembered);
      this.#written = changes;
      this.#complained = false;
    } catch (error) {
      if (!this.#complained) {
        const next = 'Until it can be, an older copy of another member may come back unnoticed after a restart of this one.';
        this.#report(
          `${this.#directory}: what is remembered of other disks cannot be written (${(error as Error).message}). ${next}`,
        );
      }
      this.#complained = true;
    } finally {
      this.#isWriting = false;
    }
  }
}
