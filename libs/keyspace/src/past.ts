import { assert, ByteWriter } from '@env-cli/support';

import { readChange } from './change-log.ts';
import type { ChangeReader } from './change-row.ts';
import { type Chain, noPosition } from './chain.ts';
import { encodeContent, EnvironmentReader } from './environment-content.ts';
import type { EnvironmentRow } from './environment-row.ts';
import type { ChangePosition } from './keys.ts';
import { VariableMerge } from './merge-variables.ts';
import type { Revision } from './revision.ts';
import type { ReadTables } from './tables.ts';

const writer = new ByteWriter(4096);
const variablesWriter = new ByteWriter(4096);
const changesWriter = new ByteWriter(4096);

/**
 * The newest change of a name at or before `revision` (the floor or above). O(log n) reads. `compacted` when it lies at or
 * below the floor, where changes may be gone and are not looked for; null when there never was one.
 */
export function changeAt(
  tables: ReadTables,
  chain: Chain,
  revision: Revision,
  floor: Revision,
): ChangeReader | 'compacted' | null {
  let position = chain.heads[0] ?? noPosition;
  while (position.revision > floor) {
    const change = readChange(tables, position);
    assert(change !== null, 'every change above the floor is kept');
    if (change.revision <= revision) return change;
    // No change of the name lies between the two that `skip` joins and at or before the revision.
    position = change.skip.revision >= revision ? change.skip : change.previous;
  }
  return position.revision === 0 ? null : 'compacted';
}

/**
 * The environment as it was at `revision` (the floor or above), or null when it did not exist then.
 *
 * From the newest state, or from the lowest keyframe above the revision, what came later is undone: O(log n) reads to find
 * it, and at most 64 changes to undo (`extendChain`).
 */
export function environmentAt(
  tables: ReadTables,
  namespace: string,
  name: string,
  row: EnvironmentRow | null,
  revision: Revision,
  floor: Revision,
): EnvironmentReader | null {
  assert(revision >= floor, 'a state below the floor is not read');
  if (row === null) return null;
  if (row.live !== null && row.live.modifyRevision <= revision) return row.live;
  if (row.tombstone !== null && row.tombstone.deleteRevision <= revision) return null;
  const newest = readChange(tables, row.chain.heads[0]!);
  assert(newest !== null, 'the newest change of an environment above the floor is kept');
  const from = lowestKeyframeAbove(tables, newest, revision);
  const past = new Undo(from === null ? row.live : contentOf(from));
  for (let change: ChangeReader | null = from ?? newest; change !== null && change.revision > revision;) {
    past.undo(change);
    if (change.previous.revision <= revision) break;
    change = readChange(tables, change.previous);
    assert(change !== null, 'every change above the floor is kept');
  }
  return past.state(namespace, name);
}

/** The oldest change above `revision` that is a keyframe, or null when none is. */
function lowestKeyframeAbove(tables: ReadTables, newest: ChangeReader, revision: Revision): ChangeReader | null {
  // The newest keyframe at or before a change never falls as changes go on, so the first change for which it lies above the
  // revision is that keyframe itself.
  let found: ChangeReader | null = null;
  let change = newest;
  while (change.keyframe.revision > revision) {
    found = change;
    const next: ChangeReader | null = keyframed(tables, change.skip, revision) ?? keyframed(tables, change.previous, revision);
    if (next === null) break;
    change = next;
  }
  return found;
}

function keyframed(tables: ReadTables, position: ChangePosition, revision: Revision): ChangeReader | null {
  if (position.revision <= revision) return null;
  const change = readChange(tables, position);
  assert(change !== null, 'every change above the floor is kept');
  return change.keyframe.revision > revision ? change : null;
}

/** The state after a keyframe: what it carries, if an update; the other kinds need none to be undone. */
function contentOf(keyframe: ChangeReader): EnvironmentReader | null {
  const { keyframeContent, namespace, name } = keyframe;
  return keyframeContent === null ? null : new EnvironmentReader(namespace, name, keyframeContent);
}

/** A state that goes back, one change at a time. */
class Undo {
  #base: EnvironmentReader | null;
  /** The change that was undone last: its `before` is the state. */
  #last: ChangeReader | null = null;
  readonly #overlay = new Map<string, Uint8Array | null>();

  constructor(newest: EnvironmentReader | null) {
    this.#base = newest;
  }

  undo(change: ChangeReader): void {
    if (change.kind !== 'updated') {
      // It says all of what was before.
      this.#base = null;
      this.#overlay.clear();
    }
    for (const { name, before } of change.variableChanges()) this.#overlay.set(name, before?.encoded ?? null);
    this.#last = change;
  }

  state(namespace: string, name: string): EnvironmentReader | null {
    const head = this.#last?.before ?? null;
    if (head === null) return null;
    const merged = new VariableMerge(this.#base, variablesWriter, changesWriter).merge(this.#overlay, {
      keepOthers: true,
      skipSame: false,
    });
    const content = encodeContent(writer, {
      head,
      description: this.#last!.descriptionBefore,
      labels: this.#last!.labelBytesBefore,
      variableCount: merged.count,
      variables: merged.variables,
    });
    return new EnvironmentReader(namespace, name, content);
  }
}
