import { equalBytes, hexOf } from '@env-cli/support';

import type { Standing } from './standing.ts';

/**
 * The versions of what members say to one another that this program speaks, lowest and highest. 2 has what changes of membership and of
 * the lead need (`timeout-now`, `committed`, the flag of a request for a vote): members of 1 are sent nothing of it.
 */
export const protocolRange = { min: 1, max: 2 } as const;

/** How a member introduces itself on every connection, before anything else. */
export interface Hello {
  /**
   * 16 bytes: what members that found a cluster know one another by, before it has an id (`formingIdOf`). {@link joiningId}: this one founds
   * none, it comes to a cluster that runs.
   */
  readonly formingId: Uint8Array;
  /** 16 random bytes that stand in the cluster's first entry. Null while this member does not have that: it is not formed. */
  readonly clusterId: Uint8Array | null;
  /** The epoch that the cluster was founded with: above 1, it was restored from a backup. 0 while this member is not formed. */
  readonly epoch: number;
  readonly memberId: number;
  /** 16 bytes. */
  readonly diskId: Uint8Array;
  /** Whom it means to speak with. */
  readonly toMemberId: number;
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** The highest feature level whose commands it understands. */
  readonly featureLevel: number;
  /** Where clients find it, as host:port. */
  readonly apiAddress: string;
  /** While it is not formed: the founder's disk that it follows, and no other. Null before it met the founder. */
  readonly founderDiskId: Uint8Array | null;
  /** 0 … 2^32 − 1, drawn at random when its process started. */
  readonly startNonce: number;
  /** What that start found on its disk; the same for as long as the process lives. */
  readonly found: Standing;
}

/** The forming id of a member that comes to a cluster that runs. */
export const joiningId = new Uint8Array(16);

/** In the order of their codes on the wire. */
export const helloRefusedCodes = [
  'malformed',
  'other-cluster',
  'not-me',
  'same-member',
  'unknown-member',
  'other-disk',
  'protocol',
  'feature-level',
  'not-formed',
  'older-disk',
  'other-certificate',
  'removed-member',
] as const;

export type HelloRefusedCode = (typeof helloRefusedCodes)[number];

/** Why a member was not let in, for the people of both. */
export interface HelloRefusal {
  readonly code: HelloRefusedCode;
  readonly message: string;
}

/** What a member knows when another one introduces itself. */
export interface HelloExpectation {
  readonly formingId: Uint8Array;
  /** Null while this one is not formed. */
  readonly clusterId: Uint8Array | null;
  /** 0 while this one is not formed. */
  readonly epoch: number;
  readonly memberId: number;
  /** The disk of each member by the configuration, or null while this one is not formed. */
  readonly diskIds: ReadonlyMap<number, Uint8Array> | null;
  /** The highest number that a member was ever given: who has a lower one and is not here was removed. */
  readonly memberIdLast: number;
  /** The members that are expected while there is no configuration. */
  readonly initialMembers: readonly number[];
  /** The cluster's feature level: who has a lower one could not apply its commands. */
  readonly featureLevel: number;
}

/** Says whether a member is one of us; null when it is. It changes nothing here, whatever was said. */
export function refuseHello(own: HelloExpectation, hello: Hello): HelloRefusal | null {
  const foreign = refuseForeign(own, hello);
  if (foreign !== null) return foreign;
  if (hello.toMemberId !== own.memberId) {
    const message = `member ${hello.memberId} looks for member ${hello.toMemberId} here, and this is member ${own.memberId}. Check the peer addresses of both.`;
    return { code: 'not-me', message };
  }
  if (hello.memberId === own.memberId) {
    return { code: 'same-member', message: `two members have the number ${own.memberId}. Give each its own.` };
  }
  const members = own.diskIds === null ? own.initialMembers : [...own.diskIds.keys()];
  if (!members.includes(hello.memberId) && hello.memberId <= own.memberIdLast) {
    const message =
      `member ${hello.memberId} was removed from the cluster, and its number is not given again. Stop it; if it is to come back, start it with an empty ` +
      `data directory as a member with the number ${own.memberIdLast + 1}, with --join.`;
    return { code: 'removed-member', message };
  }
  if (!members.includes(hello.memberId)) {
    const message = `member ${hello.memberId} is not in the configuration (members ${members.join(', ')}). Add it to the cluster first.`;
    return { code: 'unknown-member', message };
  }
  const known = own.diskIds?.get(hello.memberId);
  if (known !== undefined && !equalBytes(known, hello.diskId)) {
    const message =
      `member ${hello.memberId} comes with disk ${hexOf(hello.diskId)}, the cluster knows it with disk ${hexOf(known)}: its data directory was ` +
      'wiped or replaced, and with it the votes it gave. It is not let in again. If the old directory still exists, start the member with it; ' +
      `otherwise remove member ${hello.memberId} from the cluster and add a new one with a number that was never used.`;
    return { code: 'other-disk', message };
  }
  if (hello.protocolMax < protocolRange.min || hello.protocolMin > protocolRange.max) {
    const message =
      `member ${hello.memberId} speaks the protocols ${hello.protocolMin} to ${hello.protocolMax}, member ${own.memberId} ` +
      `${protocolRange.min} to ${protocolRange.max}. Bring both to versions that overlap.`;
    return { code: 'protocol', message };
  }
  return refuseFeatureLevel(own.featureLevel, hello);
}

/** Says whether a member's program understands the commands of a cluster of that feature level; null when it does. */
export function refuseFeatureLevel(featureLevel: number, hello: Pick<Hello, 'memberId' | 'featureLevel'>): HelloRefusal | null {
  if (hello.featureLevel >= featureLevel) return null;
  const message =
    `member ${hello.memberId} understands commands up to feature level ${hello.featureLevel}, the cluster is at ${featureLevel}. ` +
    'Start it with a newer version.';
  return { code: 'feature-level', message };
}

function refuseForeign(own: HelloExpectation, hello: Hello): HelloRefusal | null {
  if (own.clusterId !== null && hello.clusterId !== null) {
    const sameCluster = equalBytes(own.clusterId, hello.clusterId);
    if (sameCluster && own.epoch === hello.epoch) return null;
    if (sameCluster) {
      // A restored cluster keeps the id of the one that its backup was taken of. The two may run at the same time.
      const before =
        `member ${hello.memberId} is of epoch ${hello.epoch} of cluster ${hexOf(hello.clusterId)}, this is epoch ${own.epoch}: one of the two was restored from a backup of the other. ` +
        'Stop the members of the one that is not wanted any more, and check the peer addresses.';
      return { code: 'other-cluster', message: before };
    }
    const message =
      `member ${hello.memberId} is of cluster ${hexOf(hello.clusterId)}, this is cluster ${hexOf(own.clusterId)}. ` +
      'Check the peer addresses, and that each member has the data directory of this cluster.';
    return { code: 'other-cluster', message };
  }
  if (equalBytes(own.formingId, hello.formingId)) return null;
  // Whether it is awaited, its number and disk tell.
  if (own.clusterId !== null && hello.clusterId === null && equalBytes(hello.formingId, joiningId)) return null;
  const message =
    `member ${hello.memberId} is of another cluster: it was founded, or is to be, with another list of members, another bootstrap token or from another backup. ` +
    'Check the peer addresses; at a first start, also that all members have the same bootstrap token and the same list of members.';
  return { code: 'other-cluster', message };
}
