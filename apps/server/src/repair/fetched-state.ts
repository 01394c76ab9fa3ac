import { type Alarm, alarmToStopFor, featureLevelMax, isInAgreement, readIntegrity } from '@env-cli/environments';
import { binaryText, readMembers, type ReadTables, type Row, WholeState, type WholeStateFound } from '@env-cli/keyspace';
import { SnapshotDamaged, SnapshotSource } from '@env-cli/snapshot-file';
import { equalBytes, hexOf, MalformedBytes } from '@env-cli/support';

export interface MemberAddress {
  readonly memberId: number;
  /** Where other members find it, as host:port. */
  readonly address: string;
}

/** What a state has to be that is to take the place of a member's own. */
export interface StateWanted {
  readonly clusterId: Uint8Array;
  readonly epoch: number;
  readonly memberId: number;
  readonly diskId: Uint8Array;
  /** Whose state was fetched. */
  readonly from: number;
  /** The lowest index that will do: below, the log holds nothing to go on with, or this member has applied more. */
  readonly indexMin: number;
  /** See `alarmToStopFor`. */
  readonly repairedIndex: number;
}

/** A state that was fetched and may be used. */
export interface FetchedState {
  readonly index: number;
  readonly term: number;
  readonly revision: number;
  /** The alarm about the member's own state that stands in it; null: nobody accuses that one. */
  readonly alarm: Alarm | null;
  /** The members of the cluster in it. */
  readonly members: readonly MemberAddress[];
}

/** Why a state is not used: a phrase for people. */
export class StateUnfit extends Error {
  override readonly name = 'StateUnfit';
}

/**
 * Reads a fetched copy of a state from its beginning to its end, and says whether it may take the place of the member's own: whole, of this very cluster and
 * epoch, with rows that have the hashes which its member kept of them, and of a member that held what the majority held when that was last compared.
 *
 * Rejects with {@link StateUnfit}, or with what the file system says.
 */
export async function examineFetched(path: string, wanted: StateWanted): Promise<FetchedState> {
  try {
    const source = await SnapshotSource.open(path);
    try {
      const whole = new WholeState();
      for await (const rows of source.blocks()) for (const { table, key, value } of rows) whole.add(table, key, value);
      const found = whole.end();
      const { position, clusterId, backup } = source.header;
      if (backup !== null) throw new StateUnfit('it is a backup');
      if (position.appliedIndex !== found.progress.appliedIndex || position.appliedTerm !== found.progress.appliedTerm)
        throw new StateUnfit('its header and its rows are of two states');
      if (!equalBytes(clusterId, found.identity.clusterId)) throw new StateUnfit('its header and its rows are of two clusters');
      refuseForeign(found, wanted);
      return fit(found, metaOf(whole.meta), wanted);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (error instanceof SnapshotDamaged || error instanceof MalformedBytes) throw new StateUnfit(error.message);
    throw error;
  }
}

function refuseForeign({ identity, broken }: WholeStateFound, { clusterId, epoch, from }: StateWanted): void {
  if (!equalBytes(identity.clusterId, clusterId)) throw new StateUnfit(`it is of cluster ${hexOf(identity.clusterId)}`);
  if (identity.epoch !== epoch) throw new StateUnfit(`it is of epoch ${identity.epoch}, and this member of epoch ${epoch}`);
  if (identity.featureLevel > featureLevelMax)
    throw new StateUnfit(
      `its cluster is at feature level ${identity.featureLevel}, and this program understands ${featureLevelMax}`,
    );
  if (broken.length > 0)
    throw new StateUnfit(
      `its rows of ${broken.join(', ')} do not have the hashes that member ${from} kept of them: check the disk of that member`,
    );
}

function fit({ progress }: WholeStateFound, meta: ReadTables, wanted: StateWanted): FetchedState {
  const { memberId, diskId, from, indexMin, repairedIndex } = wanted;
  const { appliedIndex: index, appliedTerm: term, revision } = progress;
  if (index < indexMin) throw new StateUnfit(`it ends at log index ${index}, and this member needs one that reaches ${indexMin}`);
  const members = readMembers(meta);
  const own = members.find((member) => member.memberId === memberId);
  if (own === undefined) throw new StateUnfit(`member ${memberId} is no member of the cluster in it`);
  if (!equalBytes(own.diskId, diskId)) throw new StateUnfit(`it knows member ${memberId} with another disk`);
  if (!isInAgreement(meta, from)) throw new StateUnfit(`member ${from} holds something else than the majority of the members`);
  const { alarms } = readIntegrity(meta);
  const alarm =
    alarms.find((one) => one.member === memberId && one.index > repairedIndex) ?? alarmToStopFor(meta, memberId, repairedIndex);
  return { index, term, revision, alarm, members };
}

/** The rows of `meta` as tables in which nothing else is. */
function metaOf(rows: readonly Row[]): ReadTables {
  const values = new Map(rows.map(({ key, value }) => [binaryText(key), value]));
  return { get: (table, key) => (table === 'meta' ? values.get(binaryText(key)) : undefined), range: () => [] };
}
