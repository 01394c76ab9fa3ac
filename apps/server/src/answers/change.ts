import type { ChangeKind as RecordedKind, ChangeReader, VariableChange } from '@env-cli/keyspace';
import { ChangeKind } from '@env-cli/wire';

import type { Secrets } from '../secrets/secrets.ts';
import { type Shown, type ShownView, writeLabels, writeVariable } from './environment.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** Field numbers of `envcli.v1.Change`. */
const field = {
  revision: 1,
  namespace: 2,
  environment: 3,
  kind: 4,
  variables: 5,
  labelsBefore: 6,
  labelsAfter: 7,
  description: 8,
  version: 9,
  principal: 10,
  reason: 11,
  time: 12,
  previousRevision: 13,
} as const;

/** Field numbers of `envcli.v1.VariableChange`. */
const variableField = { name: 1, before: 2, after: 3 } as const;

/**
 * Bytes of a row above which the values from before are left out: both sides of a very large environment would not fit
 * into the 4 MiB that a gRPC client takes by default.
 */
const wholeRowBytesMax = 2.5 * 1024 * 1024;

const kinds: Readonly<Record<RecordedKind, ChangeKind>> = {
  created: ChangeKind.CREATED,
  updated: ChangeKind.UPDATED,
  deleted: ChangeKind.DELETED,
  // For whoever follows it, what was deleted and created at once came back.
  recreated: ChangeKind.CREATED,
};

/** How a change is shown. `left` says that the environment no longer belongs to what is followed. */
export interface ShownChange {
  readonly view: ShownView;
  readonly secrets: Secrets;
  readonly left: boolean;
}

/** Writes the fields of an `envcli.v1.Change`. */
export function writeChange(writer: ProtoWriter, change: ChangeReader, { view, secrets, left }: ShownChange): void {
  writer.uint(field.revision, change.revision);
  writer.text(field.namespace, change.namespace);
  writer.text(field.environment, change.name);
  writer.uint(field.kind, left ? ChangeKind.LEFT : kinds[change.kind]);
  const isWhole = change.lengthBytes - (change.keyframeContent?.length ?? 0) <= wholeRowBytesMax;
  for (const { name, before, after } of change.variableChanges()) {
    const start = writer.begin(field.variables);
    writer.text(variableField.name, name);
    const shown: Shown = {
      view: viewOfPair(view, before, after),
      secrets,
      namespace: change.namespace,
      environment: change.name,
    };
    if (before !== null && (isWhole || after === null))
      writeSide(writer, variableField.before, () => writeVariable(writer, before, shown));
    if (after !== null) writeSide(writer, variableField.after, () => writeVariable(writer, after, shown));
    writer.end(start);
  }
  if (change.labelBytesBefore.length > 0) writeLabels(writer, field.labelsBefore, change.labelsBefore());
  if (change.labelBytesAfter.length > 0) writeLabels(writer, field.labelsAfter, change.labelsAfter());
  if (change.descriptionBefore !== change.descriptionAfter) writer.presentBytes(field.description, change.descriptionAfter);
  writer.uint(field.version, change.head.version);
  writer.text(field.principal, change.head.modifiedBy);
  writer.bytes(field.reason, change.reason);
  writeSide(writer, field.time, () => {
    writer.uint(1, Math.floor(change.head.modifyTimeMs / 1_000));
    writer.uint(2, (change.head.modifyTimeMs % 1_000) * 1_000_000);
  });
  writer.uint(field.previousRevision, change.previous.revision);
}

/** Writes the fields of an `envcli.v1.VariableChange`. */
export function writeVariableChange(
  writer: ProtoWriter,
  { name, before, after }: VariableChange,
  shownBefore: Shown,
  shownAfter: Shown,
): void {
  writer.text(variableField.name, name);
  const left = { ...shownBefore, view: viewOfPair(shownBefore.view, before, after) };
  const right = { ...shownAfter, view: viewOfPair(shownAfter.view, before, after) };
  if (before !== null) writeSide(writer, variableField.before, () => writeVariable(writer, before, left));
  if (after !== null) writeSide(writer, variableField.after, () => writeVariable(writer, after, right));
}

/** What is a secret on one side may be the same text, in the clear, on the other: then a masked view shows neither. */
function viewOfPair(view: ShownView, before: VariableChange['before'], after: VariableChange['after']): ShownView {
  return view === 'masked' && (before?.secret === true || after?.secret === true) ? 'withheld' : view;
}

function writeSide(writer: ProtoWriter, number: number, write: () => void): void {
  const start = writer.begin(number);
  write();
  writer.end(start);
}
