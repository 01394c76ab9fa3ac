import { MalformedBytes } from '@env-cli/support';

import { binaryText } from './binary-text.ts';
import { isLiveRow } from './environment-row.ts';
import { type ClusterIdentity, decodeClusterIdentity, decodeHashesRow, metaKeys } from './meta.ts';
import { decodeProgress, type Progress, sizeUnknown } from './progress.ts';
import { sizeOfRow } from './state-size.ts';
import { TableHashes } from './table-hashes.ts';
import type { Row, TableName } from './tables.ts';

/** What a state is found to be, once all of its rows were seen. */
export interface WholeStateFound {
  readonly identity: ClusterIdentity;
  readonly progress: Progress;
  /** Environments that are not deleted. */
  readonly environments: number;
  /** The tables whose rows do not have the hashes that apply kept, or `meta` where they have them and not the size; none when all is well. */
  readonly broken: readonly TableName[];
}

/** Sees all rows of a state, one after another, in any order: a copy of it is checked without the state being built. */
export class WholeState {
  readonly hashes = new TableHashes();
  /** What the rows so far take, as the size of a state counts it. */
  bytes = 0;
  readonly #meta = new Map<string, Row>();
  #environments = 0;

  /** Throws `MalformedBytes` on a row that this version cannot read. */
  add(table: TableName, key: Uint8Array, value: Uint8Array): void {
    if (table === 'meta') {
      this.#meta.set(binaryText(key), { key: key.slice(), value: value.slice() });
      return;
    }
    this.hashes.add(table, key, value);
    this.bytes += sizeOfRow(table, key, value);
    if (table === 'environments' && isLiveRow(value)) this.#environments++;
  }

  /** The rows of `meta`, sorted by key. */
  get meta(): readonly Row[] {
    return [...this.#meta.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  /** Throws `MalformedBytes` when it is no state of a cluster. */
  end(): WholeStateFound {
    const identity = decodeClusterIdentity(this.#required('cluster'));
    const progress = decodeProgress(this.#required('progress'));
    const broken = this.hashes.differences(decodeHashesRow(this.#required('hashes')));
    if (progress.stateBytes === sizeUnknown) progress.stateBytes = this.bytes;
    else if (broken.length === 0 && progress.stateBytes !== this.bytes) broken.push('meta');
    return {
      identity,
      progress,
      environments: this.#environments,
      broken,
    };
  }

  #required(row: 'cluster' | 'progress' | 'hashes'): Uint8Array {
    const found = this.#meta.get(binaryText(metaKeys[row]));
    if (found === undefined) throw new MalformedBytes(`the row ${row} of meta is missing`);
    return found.value;
  }
}
