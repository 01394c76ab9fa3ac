import type { Alarm, Client, ClusterStatus, MemberInfo } from '@env-cli/client';

import type { GivenAlarm } from '../alarm-argument.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';
import { moment, oneLine, size } from '../text.ts';

const statusColumns: readonly Column[] = [
  { title: 'MEMBER', align: 'right' },
  { title: 'ADDRESS' },
  { title: 'ROLE' },
  { title: 'TERM', align: 'right', optional: true },
  { title: 'COMMIT', align: 'right' },
  { title: 'APPLIED', align: 'right' },
  { title: 'REVISION', align: 'right' },
  { title: 'STORE', align: 'right' },
  { title: 'LOG', align: 'right' },
  { title: 'LEVEL', align: 'right', optional: true },
  { title: 'VERSION', optional: true },
  { title: 'ERROR', optional: true, wraps: true },
];

/** The longest that one member may take to tell of itself, in milliseconds. */
const memberTimeoutMs = 2000;

interface MemberStatus {
  readonly member: MemberInfo;
  readonly status: ClusterStatus | null;
  readonly error: string | null;
}

/** `env-cli cluster status`: every member is asked itself. */
export async function status(at: Invocation): Promise<void> {
  const all = await withClient(at, async (client) => {
    const known = await client.cluster.members();
    return await Promise.all(
      known.members.map((member) => statusOf(client, member, Math.min(memberTimeoutMs, at.settings.timeoutMs))),
    );
  });
  if (await printedAsData(at, { members: all })) return;
  const reached = all.flatMap((each) => (each.status === null ? [] : [each.status]));
  // What all of them say alike is said once, below: a line has 80 places.
  const differ = {
    term: reached.some(({ term }) => term !== reached[0]?.term),
    version: reached.some(({ version }) => version !== reached[0]?.version),
    level: all.some((each) => each.status !== null && levelMaxOf(each) !== each.status.featureLevel),
  };
  const rows = all.map((each) => statusRow(each, differ, at));
  await print(at.io, table(statusColumns, rows, at));
  const [first] = reached;
  if (first !== undefined) {
    const kept =
      first.compactedRevision === 0 ? 'all history is kept' : `history is kept from revision ${first.compactedRevision} on`;
    const alike = `, feature level ${first.featureLevel}${differ.term ? '' : `, term ${first.term}`}${differ.version ? '' : `, version ${oneLine(first.version)}`}`;
    await say(at.io, `Cluster ${first.clusterId}, epoch ${first.epoch}${alike}; ${kept}.`);
    await say(at.io, quotaText(first));
    if (differ.level)
      await say(at.io, "LEVEL is the feature level that a member's program understands: see 'env-cli cluster level'.");
  }
  const standing = reached.find(({ alarms: some }) => some.length > 0)?.alarms ?? [];
  for (const one of standing) await say(at.io, `${at.style.red('Alarm')}: ${alarmText(one)}.`);
  if (!reached.some(({ role }) => role === 'leader'))
    await say(at.io, 'No member leads: writes and strong reads wait until a majority of the members runs.');
}

async function statusOf(client: Client, member: MemberInfo, timeoutMs: number): Promise<MemberStatus> {
  if (member.apiAddress === '') return { member, status: null, error: 'its address is not known yet' };
  try {
    return { member, status: await client.cluster.status({ address: member.apiAddress, timeoutMs }), error: null };
  } catch (error) {
    return { member, status: null, error: (error as Error).message };
  }
}

/** What a member's program understands: as it says itself, or, of a version that does not say, as the others heard; 0: not heard. */
function levelMaxOf({ member, status: of }: MemberStatus): number {
  return of === null || of.featureLevelMax === 0 ? member.featureLevelMax : of.featureLevelMax;
}

function statusRow(
  each: MemberStatus,
  differ: { readonly term: boolean; readonly version: boolean; readonly level: boolean },
  { style }: Invocation,
): string[] {
  const { member, status: of, error } = each;
  const head = [String(member.memberId), cell(member.apiAddress)];
  if (of === null) return [...head, style.red('unreached'), '', '', '', '', '', '', '', '', cell(error ?? '')];
  const { role, term, commitIndex, appliedIndex, revision, storeBytes, logBytes, version } = of;
  const shownRole = role === 'leader' ? style.green(role) : role;
  return [
    ...head,
    shownRole,
    differ.term ? String(term) : '',
    ...[commitIndex, appliedIndex, revision].map(String),
    size(storeBytes),
    size(logBytes),
    differ.level ? String(levelMaxOf(each) || '') : '',
    differ.version ? cell(version) : '',
    '',
  ];
}

const alarmColumns: readonly Column[] = [
  { title: 'ALARM' },
  { title: 'MEMBER', align: 'right' },
  { title: 'INDEX', align: 'right' },
  { title: 'RAISED' },
];

/** `env-cli cluster alarms`. */
export async function alarms(at: Invocation, clear: readonly GivenAlarm[]): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.alarms(clear));
  if (await printedAsData(at, answer)) return;
  if (answer.alarms.length === 0) {
    await say(at.io, 'No alarm stands.');
    return;
  }
  const rows = answer.alarms.map(({ kind, memberId, index, raisedTime }) => [
    at.style.red(kind),
    memberId === 0 ? '' : String(memberId),
    String(index),
    moment(raisedTime),
  ]);
  await print(at.io, table(alarmColumns, rows, at));
}

function alarmText({ kind, memberId, index }: Alarm): string {
  return `${kind}${memberId === 0 ? '' : ` of member ${memberId}`}, found at log index ${index}; see docs/operating.md`;
}

/** `env-cli cluster quota [SIZE]`. */
export async function quota(at: Invocation, quotaBytes: number | null): Promise<void> {
  const answer = await withClient(at, async (client) => {
    if (quotaBytes !== null) return await client.cluster.setQuota(quotaBytes);
    const { header, stateBytes, quotaBytes: now } = await client.cluster.status();
    return { header, quotaBytes: now, stateBytes };
  });
  if (!(await printedAsData(at, answer))) await say(at.io, quotaText(answer));
}

function quotaText({ stateBytes, quotaBytes }: Pick<ClusterStatus, 'stateBytes' | 'quotaBytes'>): string {
  const share = Math.floor((stateBytes / quotaBytes) * 100);
  return `The state takes ${size(stateBytes)} of its quota of ${size(quotaBytes)} (${share} %).`;
}

/** `env-cli cluster compact REVISION`. */
export async function compact(at: Invocation, revision: number): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.compact(revision));
  if (!(await printedAsData(at, answer))) await say(at.io, `History is kept from revision ${answer.compactedRevision} on.`);
}
