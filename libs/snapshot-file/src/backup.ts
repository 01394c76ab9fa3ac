import { type WholeStateFound, WholeState } from '@env-cli/keyspace';
import { equalBytes, hexOf, MalformedBytes } from '@env-cli/support';

import type { BackupMark, SnapshotRow } from './block.ts';
import { SnapshotDamaged, SnapshotSource } from './source.ts';

/** Why a backup is not used. Stable: people and tools look them up. */
export type BackupRefusalCode =
  /** There is no such file, or it cannot be read. */
  | 'backup-unreadable'
  /** It is no backup, or one of a version that this program does not read. */
  | 'backup-foreign'
  /** It is cut off, or some of its bytes are not those that were written. */
  | 'backup-damaged'
  /** It is as it was written, but its rows do not have the hashes that their cluster kept: the member that took it had a bad disk. */
  | 'backup-state-differs';

/** A backup is of no use. The message says what was wrong, where, and what to do next. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused';
  readonly code: BackupRefusalCode;
  readonly path: string;

  constructor(code: BackupRefusalCode, path: string, what: string, next: string, cause?: unknown) {
    super(`${path}: ${what}. ${next}`, { cause });
    this.code = code;
    this.path = path;
  }
}

const takeAnother = 'Nothing was changed. Use another backup.';

/** What a backup was found to be, all of it read. */
export interface BackupFacts extends BackupMark {
  /** In hexadecimal digits. */
  readonly clusterId: string;
  readonly epoch: number;
  readonly revision: number;
  /** The oldest revision whose state can be read. */
  readonly compactedRevision: number;
  readonly featureLevel: number;
  /** Environments that are not deleted. */
  readonly environments: number;
  /** Rows of all tables. */
  readonly rows: number;
  readonly bytes: number;
  /** SHA-256 of the file, in hexadecimal digits. */
  readonly digest: string;
}

/** Reads a backup from its beginning to its end. All methods reject with {@link BackupRefused}. */
export class BackupReader {
  readonly path: string;
  readonly mark: BackupMark;
  readonly #source: SnapshotSource;

  private constructor(path: string, source: SnapshotSource, mark: BackupMark) {
    this.path = path;
    this.#source = source;
    this.mark = mark;
  }

  static async open(path: string): Promise<BackupReader> {
    const source = await readable(path, () => SnapshotSource.open(path));
    const { backup } = source.header;
    if (backup !== null) return new BackupReader(path, source, backup);
    await source.close();
    const what = 'it is a snapshot that one member sends to another, and no backup';
    throw new BackupRefused('backup-foreign', path, what, "Make one with 'env-cli backup FILE'.");
  }

  /** The cluster that it was taken of, 16 bytes. */
  get clusterId(): Uint8Array {
    return this.#source.header.clusterId;
  }

  get sizeBytes(): number {
    return this.#source.sizeBytes;
  }

  get readBytes(): number {
    return this.#source.readBytes;
  }

  /** All rows, in the order of their tables and keys, some at a time. Ends only when the file was found whole. Read once. */
  async *rows(): AsyncGenerator<readonly SnapshotRow[], void, void> {
    const blocks = this.#source.blocks();
    for (;;) {
      const next = await readable(this.path, () => blocks.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Does something with what was read, such as {@link WholeState.add}; what that cannot read is damage. */
  understand<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      const what = `its rows cannot be read (${error.message})`;
      throw new BackupRefused('backup-damaged', this.path, what, takeAnother, error);
    }
  }

  /** Compares what all rows were found to be with what header and hashes say. */
  factsOf({ identity, progress, environments, broken }: WholeStateFound): BackupFacts {
    const { clusterId, position } = this.#source.header;
    const stands =
      equalBytes(clusterId, identity.clusterId) &&
      position.appliedIndex === progress.appliedIndex &&
      position.appliedTerm === progress.appliedTerm &&
      position.revision === progress.revision;
    if (!stands) {
      const what = 'its header and its rows are of two states';
      throw new BackupRefused('backup-damaged', this.path, what, takeAnother);
    }
    if (broken.length > 0) {
      const what = `the rows of ${broken.join(', ')} do not have the hashes that member ${this.mark.memberId} kept of them`;
      const next = `${takeAnother} Look at the disk of that member: docs/operating.md, "State hashes".`;
      throw new BackupRefused('backup-state-differs', this.path, what, next);
    }
    return {
      ...this.mark,
      clusterId: hexOf(identity.clusterId),
      epoch: identity.epoch,
      revision: progress.revision,
      compactedRevision: progress.floor,
      featureLevel: identity.featureLevel,
      environments,
      rows: this.#source.rows,
      bytes: this.#source.sizeBytes,
      digest: hexOf(this.#source.digest()),
    };
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** Checks a backup as far as a file can be checked: every checksum, and the hashes of the state from its rows. Changes nothing. */
export async function checkBackup(
  path: string,
  progress: (readBytes: number, sizeBytes: number) => void = () => undefined,
): Promise<BackupFacts> {
  const reader = await BackupReader.open(path);
  try {
    const whole = new WholeState();
    for await (const rows of reader.rows()) {
      reader.understand(() => {
        for (const { table, key, value } of rows) whole.add(table, key, value);
      });
      progress(reader.readBytes, reader.sizeBytes);
    }
    progress(reader.readBytes, reader.sizeBytes);
    return reader.factsOf(reader.understand(() => whole.end()));
  } finally {
    await reader.close();
  }
}

/** Turns what a file is not into a refusal that names it. */
async function readable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SnapshotDamaged) {
      if (error.foreign) {
        const next = "Nothing was changed. Name a file that 'env-cli backup' made, or use the version that made it.";
        throw new BackupRefused('backup-foreign', path, `it is no backup that this program reads: ${error.message}`, next, error);
      }
      throw new BackupRefused('backup-damaged', path, error.message, takeAnother, error);
    }
    const { code, errno, message } = error as { readonly code?: string; readonly errno?: unknown; readonly message?: string };
    if (errno === undefined) throw error;
    const what = `it cannot be read (${code ?? message ?? 'unknown'})`;
    throw new BackupRefused('backup-unreadable', path, what, 'Check the path and the rights of the file.', error);
  }
}
