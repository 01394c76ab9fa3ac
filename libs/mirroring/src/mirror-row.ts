import type { Revision } from '@env-cli/keyspace';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { readDefinition, writeDefinition } from './definition-codec.ts';
import type { MirrorDefinition } from './definition.ts';

/**
 * Work on all rows of a mirror, that entries carry on a few rows at a time. What is asked for while some is under way joins it;
 * phases are done in this order:
 *
 * - `redeliver`: every selected environment is due again, for the target is to be written in another way.
 * - `select`: every selected environment is due whose newest revision the target does not hold.
 * - `withdraw-delivered`: what was delivered and is not selected is to be withdrawn.
 * - `withdraw-pending`: what waits to be delivered and is not selected is to be withdrawn.
 * - `retry`: what failed for good is due again.
 * - `drop-pending`, `drop-delivered`: the mirror's rows go, and then the mirror.
 */
export const mirrorPhases = [
  'redeliver',
  'select',
  'withdraw-delivered',
  'withdraw-pending',
  'retry',
  'drop-pending',
  'drop-delivered',
] as const;

export type MirrorPhase = (typeof mirrorPhases)[number];

/** A mirror as the cluster holds it. */
export interface MirrorRow {
  /** The number under which its outbox and delivery rows are kept. Never used again for another mirror. */
  readonly id: number;
  readonly namespace: string;
  readonly definition: MirrorDefinition;
  /** The newest revision when it was created. */
  readonly createRevision: Revision;
  /** The newest revision when its definition last changed. */
  readonly modifyRevision: Revision;
  readonly modifyTimeMs: number;
  /** It selects nothing any more, and goes once what it wrote is withdrawn. */
  readonly deleting: boolean;
  /** Outbox rows of the mirror. */
  readonly pendingCount: number;
  /** Delivery rows of it that say that something failed for good. */
  readonly failedCount: number;
  /** Phases that are still to be done, in their order; the first is under way. Empty when none is. */
  readonly phases: readonly MirrorPhase[];
  /** The name behind which the phase that is under way goes on. Empty at its beginning. */
  readonly phaseAfter: string;
}

const format = 1;

/** The bytes of a row of `mirrors`. The key is namespace, a zero byte, name. */
export function encodeMirror(mirror: MirrorRow): Uint8Array {
  let phases = 0;
  for (const phase of mirror.phases) phases |= 1 << mirrorPhases.indexOf(phase);
  const writer = new ByteWriter(256)
    .u8(format)
    .u32(mirror.id)
    .varint(mirror.createRevision)
    .varint(mirror.modifyRevision)
    .varint(mirror.modifyTimeMs)
    .u8(mirror.deleting ? 1 : 0)
    .varint(mirror.pendingCount)
    .varint(mirror.failedCount)
    .varint(phases)
    .text(mirror.phaseAfter);
  writeDefinition(writer, mirror.definition);
  return writer.take();
}

/** Reads what {@link encodeMirror} wrote. */
export function decodeMirror(namespace: string, bytes: Uint8Array): MirrorRow {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw new MalformedBytes('a mirror of an unknown format');
  const id = reader.u32();
  const createRevision = reader.varint() as Revision;
  const modifyRevision = reader.varint() as Revision;
  const modifyTimeMs = reader.varint();
  const deleting = reader.u8() === 1;
  const pendingCount = reader.varint();
  const failedCount = reader.varint();
  const phases = reader.varint();
  const phaseAfter = reader.text();
  const definition = readDefinition(reader);
  reader.end();
  return {
    id,
    namespace,
    definition,
    createRevision,
    modifyRevision,
    modifyTimeMs,
    deleting,
    pendingCount,
    failedCount,
    phases: mirrorPhases.filter((_phase, place) => (phases & (1 << place)) !== 0),
    phaseAfter,
  };
}

/** The mirror with more to do. The phase that is under way begins anew when it is asked for again, or when an earlier one is. */
export function withPhases(mirror: MirrorRow, asked: readonly MirrorPhase[]): MirrorRow {
  if (asked.length === 0) return mirror;
  const phases = mirrorPhases.filter((phase) => mirror.phases.includes(phase) || asked.includes(phase));
  const goesOn = phases[0] === mirror.phases[0] && !asked.includes(phases[0]!);
  return { ...mirror, phases, phaseAfter: goesOn ? mirror.phaseAfter : '' };
}
