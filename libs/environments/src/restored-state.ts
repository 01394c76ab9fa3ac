import {
  binaryText,
  encodeHashesRow,
  encodeProgress,
  metaKeys,
  type Progress,
  type Revision,
  revisionGapsMax,
  type Row,
  sizeOfRow,
  TableHashes,
  type TableName,
  WholeState,
  type WholeStateFound,
} from '@env-cli/keyspace';
import { mirrorRowAfterRestore } from '@env-cli/mirroring';
import { ByteWriter } from '@env-cli/support';

/**
 * By how much a restore raises the revision: more than the cluster can have given out after the backup was taken, so that none of those
 * ever names another change (etcd: `--bump-revision`).
 */
export const restoreRevisionStep = 2 ** 32;

/** Rows of `meta` that are of the members and not of what they keep. The restored cluster writes them anew. */
const droppedMeta: ReadonlySet<string> = new Set(
  [metaKeys.members, metaKeys.membership, metaKeys.integrity].map((key) => binaryText(key)),
);

/**
 * Makes of a backup's rows, one after another, the rows with which each member of the restored cluster begins: the same on all of them.
 *
 * Environments and their changes stay as they are, down to the floor. Sessions go, for their clients were answered things that are not here:
 * they are refused, and open new ones. Mirrors deliver everything again. The log begins at index 1 again. Cluster id and epoch are those
 * of the backup until the first entry, the command `restore`, raises the epoch.
 */
export class RestoredState {
  readonly #whole = new WholeState();
  /** What is to be added to the sums of the backup's rows. */
  readonly #difference = new TableHashes();
  /** The size of the rows as they are after it. */
  #stateBytes = 0;

  /** What becomes of a row; null when it goes, or comes with {@link end}. Throws `MalformedBytes`. */
  row(table: TableName, key: Uint8Array, value: Uint8Array): Uint8Array | null {
    this.#whole.add(table, key, value);
    if (table === 'meta') return null;
    const after = table === 'sessions' ? null : table === 'mirrors' ? mirrorRowAfterRestore(key, value) : value;
    if (after !== null) this.#stateBytes += sizeOfRow(table, key, after);
    if (after === value) return value;
    this.#difference.subtract(table, key, value);
    if (after !== null) this.#difference.add(table, key, after);
    return after;
  }

  /**
   * What the backup was found to be, and the rows of `meta` in their order, once all rows were seen. Of a backup with `found.broken`
   * tables nothing is to be used. Throws `MalformedBytes`.
   */
  end(): { readonly found: WholeStateFound; readonly meta: readonly Row[]; readonly revision: Revision } {
    const found = this.#whole.end();
    const progress = { ...progressAfterRestore(found.progress), stateBytes: this.#stateBytes };
    const rewritten = new Map([
      [binaryText(metaKeys.progress), encodeProgress(new ByteWriter(256), progress)],
      [binaryText(metaKeys.hashes), encodeHashesRow(this.#whole.hashes.plus(this.#difference))],
    ]);
    const meta = this.#whole.meta
      .filter(({ key }) => !droppedMeta.has(binaryText(key)))
      .map(({ key, value }) => ({ key, value: rewritten.get(binaryText(key)) ?? value }));
    return { found, meta, revision: progress.revision };
  }
}

function progressAfterRestore(before: Progress): Progress {
  const revision = (before.revision + restoreRevisionStep) as Revision;
  const gaps = [...before.gaps, { below: before.revision, above: revision }].filter(({ above }) => above > before.floor);
  // What lies behind the oldest gap that has no room is forgotten, as by a compaction.
  const forgotten = gaps.splice(0, gaps.length - revisionGapsMax).at(-1);
  return {
    ...before,
    appliedIndex: 0,
    appliedTerm: 0,
    revision,
    floor: forgotten?.above ?? before.floor,
    gaps,
    sessionCount: 0,
    sessionSweepAfter: new Uint8Array(0),
    mirrorsVersion: before.mirrorsVersion + 1,
  };
}
