import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import type { MemberId } from './entry.ts';

/**
 * Who takes part, and how. Lists are ascending and without duplicates; a member stands in one list,
 * except that a joint configuration may name it in both halves, and a demoted voter in `votersOutgoing` and `learnersNext`.
 */
export interface Configuration {
  /** Who votes and counts for the commit. In a joint configuration: the half that comes. Never empty. */
  readonly voters: readonly MemberId[];
  /** In a joint configuration the half that goes, else empty. While it is not, every quorum is one of *both* halves (thesis §4.3). */
  readonly votersOutgoing: readonly MemberId[];
  /** Receive the log and count for nothing. */
  readonly learners: readonly MemberId[];
  /** Voters of the outgoing half that become learners once the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  /** Those of `learners` that the leader makes voters by itself, once they have caught up and stayed well. */
  readonly learnersJoining: readonly MemberId[];
}

/** Whether a member votes in either half. Only such a member stands for election. */
export function isVoter(configuration: Configuration, id: MemberId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** Whether somebody stands in it at all. */
export function isMember({ voters, votersOutgoing, learners, learnersNext }: Configuration, id: MemberId): boolean {
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id) || learnersNext.includes(id);
}

/** Whether quorums are of two halves. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Everybody who receives the log, ascending. */
export function membersOf(configuration: Configuration): MemberId[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].toSorted((a, b) => a - b);
}

/** Whether whatever is a quorum in one is one in the other. */
export function haveSameQuorums(one: Configuration, other: Configuration): boolean {
  return haveSame(one.voters, other.voters) && haveSame(one.votersOutgoing, other.votersOutgoing);
}

function haveSame(some: readonly MemberId[], others: readonly MemberId[]): boolean {
  return some.length === others.length && some.every((id) => others.includes(id));
}

/** Of a configuration without joining learners. */
const formatWithoutJoining = 1;
const format = 2;
const memberIdMax = 0xffff_ffff;

/** Whether a number can be a member's: an integer from 1 to 2^32 − 1. */
export function isMemberId(id: number): boolean {
  return Number.isInteger(id) && id >= 1 && id <= memberIdMax;
}

/**
 * The canonical bytes of a configuration: version (u8), then `voters`, `votersOutgoing`, `learners` and `learnersNext`, each as a
 * varint count and as many u32. Version 2 has `learnersJoining` behind them, and is written only when somebody stands there. Equal
 * configurations have equal bytes.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const flaw = flawOf(configuration);
  if (flaw !== null) throw new MalformedBytes(`a configuration that no reader would take: ${flaw}`);
  const { voters, votersOutgoing, learners, learnersNext, learnersJoining } = configuration;
  const lists = [voters, votersOutgoing, learners, learnersNext];
  if (learnersJoining.length > 0) lists.push(learnersJoining);
  const writer = new ByteWriter(64).u8(learnersJoining.length > 0 ? format : formatWithoutJoining);
  for (const list of lists) {
    writer.varint(list.length);
    for (const id of list) writer.u32(id);
  }
  return writer.take();
}

/** Reads what `encodeConfiguration` wrote; throws `MalformedBytes` on anything else, a later version included. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== format && version !== formatWithoutJoining)
    throw new MalformedBytes(`a configuration of format ${version}; this program reads ${formatWithoutJoining} and ${format}`);
  const configuration = {
    voters: readList(reader),
    votersOutgoing: readList(reader),
    learners: readList(reader),
    learnersNext: readList(reader),
    learnersJoining: version === format ? readList(reader) : [],
  };
  reader.end();
  // A second spelling of the same configuration.
  if (version === format && configuration.learnersJoining.length === 0) throw new MalformedBytes('nobody joins in format 2');
  const flaw = flawOf(configuration);
  if (flaw !== null) throw new MalformedBytes(`a configuration that makes no sense: ${flaw}`);
  return configuration;
}

function readList(reader: ByteReader): MemberId[] {
  const count = reader.varint();
  // Checked before the list is built: a wrong count must not cost memory.
  if (count * 4 > reader.remaining) throw new MalformedBytes(`${count} members in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => reader.u32() as MemberId);
}

/** What is wrong with a configuration, or null. */
function flawOf({ voters, votersOutgoing, learners, learnersNext, learnersJoining }: Configuration): string | null {
  if (voters.length === 0) return 'it has no voter';
  for (const list of [voters, votersOutgoing, learners, learnersNext, learnersJoining]) {
    for (const [at, id] of list.entries()) {
      if (!isMemberId(id)) return `${id} is no member id`;
      if (at > 0 && id <= list[at - 1]!) return 'a list is not ascending';
    }
  }
  if (learners.some((id) => voters.includes(id) || votersOutgoing.includes(id) || learnersNext.includes(id))) {
    return 'a learner stands in another list';
  }
  if (learnersNext.some((id) => !votersOutgoing.includes(id) || voters.includes(id)))
    return 'a next learner is not a leaving voter';
  if (learnersJoining.some((id) => !learners.includes(id))) return 'a joining learner is not a learner';
  return null;
}
