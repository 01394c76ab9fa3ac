import { create } from '@bufbuild/protobuf';
import {
  Cluster as Service,
  ClusterCompactRequestSchema,
  ClusterMembersRequestSchema,
  ClusterStatusRequestSchema,
  MemberRole as WireRole,
  type ClusterStatusResponse,
} from '@env-cli/wire';

import { parseAddresses } from './address.ts';
import type { Calls } from './calls.ts';
import { headerOf, type Header } from './header.ts';
import type { Members } from './members.ts';
import type { CallOptions } from './options.ts';
import { revisionOf, wireRevision } from './revision.ts';

/** What a member is to the cluster. */
export type MemberRole = 'leader' | 'follower' | 'candidate' | 'learner' | 'unknown';

const roleNames: Readonly<Record<number, MemberRole>> = {
  [WireRole.LEADER]: 'leader',
  [WireRole.FOLLOWER]: 'follower',
  [WireRole.CANDIDATE]: 'candidate',
  [WireRole.LEARNER]: 'learner',
};

/** How one member sees the cluster. */
export interface ClusterStatus {
  readonly header: Header;
  /** In hexadecimal digits. */
  readonly clusterId: string;
  /** Raised by restore and recovery. */
  readonly epoch: number;
  /** The member that answers. */
  readonly memberId: number;
  readonly role: MemberRole;
  /** The leader that it knows; 0: none. */
  readonly leaderId: number;
  readonly term: number;
  /** The highest log index that it knows to be committed. */
  readonly commitIndex: number;
  /** The highest log index that its state has seen. */
  readonly appliedIndex: number;
  readonly firstLogIndex: number;
  readonly lastLogIndex: number;
  /** The newest revision of its state. */
  readonly revision: number;
  /** The oldest revision that can be read. */
  readonly compactedRevision: number;
  readonly featureLevel: number;
  /** Hashes of its tables at `appliedIndex`, by table: members that have applied the same have the same. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Its software. */
  readonly version: string;
  /** The size of the state on disk. */
  readonly storeBytes: number;
  /** The size of the log on disk. */
  readonly logBytes: number;
}

/** One member, as another sees it. */
export interface MemberInfo {
  readonly memberId: number;
  /** Where other members reach it. */
  readonly peerAddress: string;
  /** Where clients reach it; empty when it has not told yet. */
  readonly apiAddress: string;
  readonly role: MemberRole;
  /** Whether the member that answers has a connection to it; true for itself. */
  readonly connected: boolean;
}

/** Tells about the cluster and looks after it. Every method rejects with {@link EnvCliError} alone. */
export class Cluster {
  readonly #calls: Calls;
  readonly #members: Members;

  constructor(calls: Calls, members: Members) {
    this.#calls = calls;
    this.#members = members;
  }

  /** How a member sees the cluster: the one at `address`, or the one that this client talks to. Answered without a leader as well. */
  async status(options: CallOptions & { readonly address?: string } = {}): Promise<ClusterStatus> {
    const bounds = this.#calls.bounds(options);
    const request = create(ClusterStatusRequestSchema);
    if (options.address === undefined) {
      const how = { repeatable: 'repeatable', began: -1 } as const;
      return statusOf(await this.#calls.unary(Service.method.status, request, bounds, how));
    }
    const [address] = parseAddresses(options.address);
    const channel = await this.#members.ask(address!, bounds);
    try {
      return statusOf(await channel.unary(Service.method.status, request, bounds));
    } finally {
      channel.close();
    }
  }

  /** The members, sorted by number, as the member that this client talks to knows them. */
  async members(options: CallOptions = {}): Promise<{ readonly header: Header; readonly members: readonly MemberInfo[] }> {
    const request = create(ClusterMembersRequestSchema);
    const how = { repeatable: 'repeatable', began: -1 } as const;
    const { header, members } = await this.#calls.unary(Service.method.members, request, this.#calls.bounds(options), how);
    return {
      header: headerOf(header),
      members: members.map(({ memberId, peerAddress, apiAddress, role, connected }) => ({
        memberId: revisionOf(memberId),
        peerAddress,
        apiAddress,
        role: roleNames[role] ?? 'unknown',
        connected,
      })),
    };
  }

  /** Forgets history below a revision, which stays readable itself. */
  async compact(
    revision: number,
    options: CallOptions = {},
  ): Promise<{ readonly header: Header; readonly compactedRevision: number }> {
    const request = create(ClusterCompactRequestSchema, { revision: wireRevision(revision, 'revision') });
    const how = { repeatable: 'repeatable', began: null } as const;
    const answer = await this.#calls.unary(Service.method.compact, request, this.#calls.bounds(options), how);
    return { header: headerOf(answer.header), compactedRevision: revisionOf(answer.compactedRevision) };
  }
}

function statusOf(answer: ClusterStatusResponse): ClusterStatus {
  return {
    header: headerOf(answer.header),
    clusterId: answer.clusterId,
    epoch: revisionOf(answer.epoch),
    memberId: revisionOf(answer.memberId),
    role: roleNames[answer.role] ?? 'unknown',
    leaderId: revisionOf(answer.leaderId),
    term: revisionOf(answer.term),
    commitIndex: revisionOf(answer.commitIndex),
    appliedIndex: revisionOf(answer.appliedIndex),
    firstLogIndex: revisionOf(answer.firstLogIndex),
    lastLogIndex: revisionOf(answer.lastLogIndex),
    revision: revisionOf(answer.revision),
    compactedRevision: revisionOf(answer.compactedRevision),
    featureLevel: answer.featureLevel,
    hashes: Object.fromEntries(answer.hashes.map(({ table, hash }) => [table, hash])),
    version: answer.version,
    storeBytes: revisionOf(answer.storeBytes),
    logBytes: revisionOf(answer.logBytes),
  };
}
