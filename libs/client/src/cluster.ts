import { create } from '@bufbuild/protobuf';
import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type Alarm as WireAlarm,
  AlarmKind as WireAlarmKind,
  Cluster as Service,
  ClusterAddMemberRequestSchema,
  ClusterAlarmsRequestSchema,
  ClusterChangeMembersRequestSchema,
  ClusterCompactRequestSchema,
  ClusterHoldLevelRequestSchema,
  ClusterKeysRequestSchema,
  type ClusterKeysResponse,
  ClusterLevelRequestSchema,
  type ClusterLevelResponse,
  ClusterMembersRequestSchema,
  type ClusterMembersResponse,
  ClusterPromoteMemberRequestSchema,
  ClusterRaiseLevelRequestSchema,
  ClusterRemoveMemberRequestSchema,
  ClusterReplaceMemberRequestSchema,
  ClusterRotateDataKeyRequestSchema,
  ClusterRotateMasterKeyRequestSchema,
  ClusterSetQuotaRequestSchema,
  ClusterStatusRequestSchema,
  ClusterTransferLeaderRequestSchema,
  MemberRole as WireRole,
  type ClusterStatusResponse,
} from '@env-cli/wire';

import { parseAddresses } from './address.ts';
import { type Backup, beginBackup } from './backup.ts';
import type { Calls } from './calls.ts';
import { headerOf, type Header } from './header.ts';
import type { Members } from './members.ts';
import type { CallOptions, ReadOptions } from './options.ts';
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
  /** The level of commands that the cluster lets in, as this member has it. */
  readonly featureLevel: number;
  /** The highest that its program understands; 0: it is of a version that does not say. */
  readonly featureLevelMax: number;
  /** Hashes of its tables at `appliedIndex`, by table: members that have applied the same have the same. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Its software. */
  readonly version: string;
  /** The size of the state on disk. */
  readonly storeBytes: number;
  /** The size of the log on disk. */
  readonly logBytes: number;
  /** What a person has to look at, as this member knows it. */
  readonly alarms: readonly Alarm[];
  /** The newest log index after which a majority of the members was found to hold the same state; 0: none yet. */
  readonly agreedIndex: number;
  /** What the state takes by the count of the quota, in bytes: less than the size on disk. */
  readonly stateBytes: number;
  /** The bytes that it may take. */
  readonly quotaBytes: number;
}

/**
 * What is wrong: `state-diverged`, a majority holds another state than this member; `state-disagreed`, states differ and none has a
 * majority; `state-rotten`, a member's disk does not hold what was written; `space-low`, 80 % of the quota are taken; `unknown`, what only a newer client has a word for.
 */
export type AlarmKind = 'state-diverged' | 'state-disagreed' | 'state-rotten' | 'space-low' | 'unknown';

/** Something that a person has to look at. It stands until somebody clears it. */
export interface Alarm {
  readonly kind: AlarmKind;
  /** Whose state it is about; 0: nobody's in particular. */
  readonly memberId: number;
  /** The log index at which it was found. */
  readonly index: number;
  readonly raisedTime: Date | null;
}

const alarmNames: Readonly<Record<number, AlarmKind>> = {
  [WireAlarmKind.STATE_DIVERGED]: 'state-diverged',
  [WireAlarmKind.STATE_DISAGREED]: 'state-disagreed',
  [WireAlarmKind.STATE_ROTTEN]: 'state-rotten',
  [WireAlarmKind.SPACE_LOW]: 'space-low',
};

/** The kinds of alarms that can be cleared by name. */
export const alarmKinds: readonly AlarmKind[] = Object.values(alarmNames);

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
  /** The member that goes as soon as this one votes; 0: none. */
  readonly replaces: number;
  /** The highest feature level that its program understands, as it said last; 0: not heard yet. */
  readonly featureLevelMax: number;
}

/** The members, sorted by number. */
export interface MembersAnswer {
  readonly header: Header;
  readonly members: readonly MemberInfo[];
}

/** How the feature level stands, as the leader sees it. */
export interface LevelAnswer {
  readonly header: Header;
  /** That of the cluster: the level of commands that it lets in. */
  readonly level: number;
  /** The highest that every member is ready for; `level` while a member is away. */
  readonly readyLevel: number;
  /** The highest that the leader's program understands. */
  readonly levelMax: number;
  /** It does not rise by itself. */
  readonly held: boolean;
  /** Milliseconds until it rises to `readyLevel`, if every member stays ready; null while it does not. */
  readonly raisesInMs: number | null;
  /** What has to be done before it can rise to `levelMax`, for people; empty: nothing. */
  readonly missing: string;
  /** Sorted by number. */
  readonly members: readonly MemberInfo[];
}

/** A member that was started with `--join` and waits to be added. */
export interface NewMember {
  /** Above every number that a member of this cluster ever had. */
  readonly memberId: number;
  /** Where the others find it, host:port. */
  readonly peerAddress: string;
  /** It stays a learner until it is promoted. Defaults to false. */
  readonly learner?: boolean;
}

/** A key that secrets are sealed with. */
export interface DataKey {
  /** From 1. */
  readonly id: number;
  readonly createdTime: Date | null;
  /** Seals that members took for themselves: at most 2^32 of a key. */
  readonly sealsTaken: number;
}

/** The keys as one member holds them. Nothing of it is secret. */
export interface ClusterKeys {
  readonly header: Header;
  /** The name of the master key in hexadecimal digits; empty where a command holds it. */
  readonly masterKey: string;
  /** The master keys that the member has, the newest last. */
  readonly masterKeysHere: readonly string[];
  /** Why it has none, for people; empty when it has. */
  readonly masterKeyProblem: string;
  /** Oldest first. */
  readonly dataKeys: readonly DataKey[];
  /** The data key that the member seals with. */
  readonly sealingDataKeyId: number;
  /** Every secret of every environment is sealed by this data key or a newer one. */
  readonly resealedDataKeyId: number;
}

const again = { repeatable: 'repeatable', began: null } as const;
const once = { repeatable: 'once', began: null } as const;

/** Tells about the cluster and looks after it. Every method rejects with {@link EnvCliError} alone. */
export class Cluster {
  readonly #calls: Calls;
  readonly #members: Members;

  /** @internal */
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
  async members(options: CallOptions = {}): Promise<MembersAnswer> {
    const request = create(ClusterMembersRequestSchema);
    const how = { repeatable: 'repeatable', began: -1 } as const;
    return membersOf(await this.#calls.unary(Service.method.members, request, this.#calls.bounds(options), how));
  }

  /**
   * Adds a member that was started with `--join` and waits at `peerAddress`. It votes once it has caught up and stayed well for a while; with `learner` it
   * does not until it is promoted. Asked for again, it goes on where it was.
   */
  async addMember(member: NewMember, options: CallOptions = {}): Promise<MembersAnswer> {
    const request = create(ClusterAddMemberRequestSchema, wireNewMember(member));
    return membersOf(await this.#calls.unary(Service.method.addMember, request, this.#calls.bounds(options), again));
  }

  /**
   * Adds a member, started with `--join`, in the place of the voter `memberId`, which goes with the same change in which the new one becomes a voter: as soon as
   * that has caught up. Refused with `LEVEL_TOO_LOW` below feature level 2.
   */
  async replaceMember(
    replaced: { readonly memberId: number; readonly newMemberId: number; readonly peerAddress: string },
    options: CallOptions = {},
  ): Promise<MembersAnswer> {
    const request = create(ClusterReplaceMemberRequestSchema, {
      memberId: wireRevision(replaced.memberId, 'memberId'),
      newMemberId: wireRevision(replaced.newMemberId, 'newMemberId'),
      peerAddress: replaced.peerAddress,
    });
    return membersOf(await this.#calls.unary(Service.method.replaceMember, request, this.#calls.bounds(options), again));
  }

  /** Makes a learner a voter. */
  async promoteMember(memberId: number, options: CallOptions = {}): Promise<MembersAnswer> {
    const request = create(ClusterPromoteMemberRequestSchema, { memberId: wireRevision(memberId, 'memberId') });
    return membersOf(await this.#calls.unary(Service.method.promoteMember, request, this.#calls.bounds(options), once));
  }

  /**
   * Removes a member, whose number is never given again. Where the others that answer would be no majority it is refused with `QUORUM_NEEDED`, unless
   * `force` is `lose the quorum`.
   */
  async removeMember(memberId: number, options: CallOptions & { readonly force?: string } = {}): Promise<MembersAnswer> {
    const request = create(ClusterRemoveMemberRequestSchema, {
      memberId: wireRevision(memberId, 'memberId'),
      force: options.force ?? '',
    });
    return membersOf(await this.#calls.unary(Service.method.removeMember, request, this.#calls.bounds(options), once));
  }

  /**
   * Adds and removes several members in one change of who votes: all of it takes effect, or nothing. What holds for {@link addMember} and
   * {@link removeMember} holds for each of them, and for what is left after all of it.
   */
  async changeMembers(
    change: { readonly add?: readonly NewMember[]; readonly remove?: readonly number[] },
    options: CallOptions & { readonly force?: string } = {},
  ): Promise<MembersAnswer> {
    const { add = [], remove = [] } = change;
    const request = create(ClusterChangeMembersRequestSchema, {
      add: add.map(wireNewMember),
      remove: remove.map((memberId) => wireRevision(memberId, 'memberId')),
      force: options.force ?? '',
    });
    // Without removals, what was done already is found done.
    const how = remove.length === 0 ? again : once;
    return membersOf(await this.#calls.unary(Service.method.changeMembers, request, this.#calls.bounds(options), how));
  }

  /** Hands the lead over to a voter; to the one that has most of the log when none is named. Answers who leads then. */
  async transferLeader(
    memberId: number | null = null,
    options: CallOptions = {},
  ): Promise<{ readonly header: Header; readonly leaderId: number }> {
    const request = create(ClusterTransferLeaderRequestSchema, { memberId: wireRevision(memberId ?? 0, 'memberId') });
    const answer = await this.#calls.unary(Service.method.transferLeader, request, this.#calls.bounds(options), once);
    return { header: headerOf(answer.header), leaderId: revisionOf(answer.leaderId) };
  }

  /** How the feature level stands, and who is in the way of a higher one. */
  async level(options: CallOptions = {}): Promise<LevelAnswer> {
    const request = create(ClusterLevelRequestSchema);
    const how = { repeatable: 'repeatable', began: -1 } as const;
    return levelOf(await this.#calls.unary(Service.method.level, request, this.#calls.bounds(options), how));
  }

  /**
   * Raises the feature level, to the highest that the leader's program understands unless one is given: no member can go back to an earlier version then.
   * Refused with `MEMBERS_NOT_READY` unless every member is there and understands it.
   */
  async raiseLevel(level = 0, options: CallOptions = {}): Promise<LevelAnswer> {
    const request = create(ClusterRaiseLevelRequestSchema, { level });
    return levelOf(await this.#calls.unary(Service.method.raiseLevel, request, this.#calls.bounds(options), again));
  }

  /** Holds the feature level, so that it does not rise by itself, or lets go of it. */
  async holdLevel(held: boolean, options: CallOptions = {}): Promise<LevelAnswer> {
    const request = create(ClusterHoldLevelRequestSchema, { held });
    return levelOf(await this.#calls.unary(Service.method.holdLevel, request, this.#calls.bounds(options), again));
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

  /** Sets how many bytes the state may take: 16 MiB to 32 GiB. From there on what makes it grow is refused with `NOSPACE`. */
  async setQuota(
    quotaBytes: number,
    options: CallOptions = {},
  ): Promise<{ readonly header: Header; readonly quotaBytes: number; readonly stateBytes: number }> {
    const request = create(ClusterSetQuotaRequestSchema, { quotaBytes: wireRevision(quotaBytes, 'quotaBytes') });
    const how = { repeatable: 'repeatable', began: null } as const;
    const answer = await this.#calls.unary(Service.method.setQuota, request, this.#calls.bounds(options), how);
    return {
      header: headerOf(answer.header),
      quotaBytes: revisionOf(answer.quotaBytes),
      stateBytes: revisionOf(answer.stateBytes),
    };
  }

  /**
   * Begins a backup: the whole state of a member, its history included, at one revision; secrets as they are stored. Any member can be asked, and
   * by default it is as fresh as a strong read. No time limit holds unless one is given: copying and sending a large state takes minutes.
   */
  backup(options: Pick<ReadOptions, 'consistency' | 'token' | 'timeoutMs' | 'signal'> = {}): Promise<Backup> {
    const { timeoutMs = Number.POSITIVE_INFINITY, consistency = 'strong' } = options;
    return beginBackup(this.#calls, this.#members, { ...options, consistency }, this.#calls.bounds({ ...options, timeoutMs }));
  }

  /** The keys by which secrets are sealed, as the member that this client talks to holds them. */
  async keys(options: CallOptions = {}): Promise<ClusterKeys> {
    const request = create(ClusterKeysRequestSchema);
    const how = { repeatable: 'repeatable', began: -1 } as const;
    return keysOf(await this.#calls.unary(Service.method.keys, request, this.#calls.bounds(options), how));
  }

  /** Adds a data key, which seals secrets a few seconds later. Not repeated by itself: each call adds one. */
  async rotateDataKey(options: CallOptions = {}): Promise<{ readonly header: Header; readonly dataKeyId: number }> {
    const request = create(ClusterRotateDataKeyRequestSchema);
    const how = { repeatable: 'once', began: null } as const;
    const answer = await this.#calls.unary(Service.method.rotateDataKey, request, this.#calls.bounds(options), how);
    return { header: headerOf(answer.header), dataKeyId: revisionOf(answer.dataKeyId) };
  }

  /**
   * Wraps all keys by the newest master key of the member that this client talks to. `force`: although other members do not have it, which
   * cannot start then until they do.
   */
  async rotateMasterKey(
    options: CallOptions & { readonly force?: boolean } = {},
  ): Promise<{ readonly header: Header; readonly masterKey: string }> {
    const request = create(ClusterRotateMasterKeyRequestSchema, { force: options.force ?? false });
    const how = { repeatable: 'once', began: null } as const;
    const answer = await this.#calls.unary(Service.method.rotateMasterKey, request, this.#calls.bounds(options), how);
    return { header: headerOf(answer.header), masterKey: answer.masterKey };
  }

  /** The alarms that stand, after clearing those that are named. One that does not stand is cleared already. */
  async alarms(
    clear: readonly Pick<Alarm, 'kind' | 'memberId'>[] = [],
    options: CallOptions = {},
  ): Promise<{ readonly header: Header; readonly alarms: readonly Alarm[] }> {
    const request = create(ClusterAlarmsRequestSchema, {
      clear: clear.map(({ kind, memberId }) => ({ kind: wireAlarmKind(kind), memberId: BigInt(memberId) })),
    });
    const how = { repeatable: 'repeatable', began: clear.length === 0 ? -1 : null } as const;
    const answer = await this.#calls.unary(Service.method.alarms, request, this.#calls.bounds(options), how);
    return { header: headerOf(answer.header), alarms: answer.alarms.map(alarmOf) };
  }
}

function keysOf(answer: ClusterKeysResponse): ClusterKeys {
  return {
    header: headerOf(answer.header),
    masterKey: answer.masterKey,
    masterKeysHere: answer.masterKeysHere,
    masterKeyProblem: answer.masterKeyProblem,
    dataKeys: answer.dataKeys.map(({ id, createdTime, sealsTaken }) => ({
      id: revisionOf(id),
      createdTime: createdTime === undefined ? null : timestampDate(createdTime),
      sealsTaken: revisionOf(sealsTaken),
    })),
    sealingDataKeyId: revisionOf(answer.sealingDataKeyId),
    resealedDataKeyId: revisionOf(answer.resealedDataKeyId),
  };
}

function alarmOf({ kind, memberId, index, raisedTime }: WireAlarm): Alarm {
  return {
    kind: alarmNames[kind] ?? 'unknown',
    memberId: revisionOf(memberId),
    index: revisionOf(index),
    raisedTime: raisedTime === undefined ? null : timestampDate(raisedTime),
  };
}

function wireAlarmKind(kind: AlarmKind): WireAlarmKind {
  const [code = WireAlarmKind.UNSPECIFIED] = Object.entries(alarmNames).find(([, name]) => name === kind) ?? [];
  return Number(code) as WireAlarmKind;
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
    alarms: answer.alarms.map(alarmOf),
    agreedIndex: revisionOf(answer.agreedIndex),
    stateBytes: revisionOf(answer.stateBytes),
    quotaBytes: revisionOf(answer.quotaBytes),
    featureLevelMax: answer.featureLevelMax,
  };
}

function wireNewMember({ memberId, peerAddress, learner = false }: NewMember) {
  return { memberId: wireRevision(memberId, 'memberId'), peerAddress, learner };
}

function membersOf({ header, members }: Pick<ClusterMembersResponse, 'header' | 'members'>): MembersAnswer {
  return {
    header: headerOf(header),
    members: members.map(({ memberId, peerAddress, apiAddress, role, connected, replaces, featureLevelMax }) => ({
      memberId: revisionOf(memberId),
      peerAddress,
      apiAddress,
      role: roleNames[role] ?? 'unknown',
      connected,
      replaces: revisionOf(replaces),
      featureLevelMax,
    })),
  };
}

function levelOf({ header, featureLevel }: Pick<ClusterLevelResponse, 'header' | 'featureLevel'>): LevelAnswer {
  const { level = 0, readyLevel = 0, levelMax = 0, held = false, raisesIn, missing = '', members = [] } = featureLevel ?? {};
  return {
    ...membersOf({ header, members }),
    level,
    readyLevel,
    levelMax,
    held,
    raisesInMs: raisesIn === undefined ? null : durationMs(raisesIn),
    missing,
  };
}
