import { type Alarm, type AlarmKind, spaceLowPercent } from '@env-cli/environments';
import { repairBySnapshot } from '@env-cli/store-lmdb';

const explanations: Readonly<Record<AlarmKind, (alarm: Alarm) => string>> = {
  'state-diverged': ({ member, index }) =>
    `member ${member} holds another state than the majority of the members at log index ${index}: do not read from it`,
  'state-disagreed': ({ index }) =>
    `members hold different states at log index ${index}, and none has a majority: compare the hashes of their tables in the cluster's status before anything else`,
  'state-rotten': ({ member, index }) =>
    `member ${member} reads other rows from its disk than it wrote, found at log index ${index}: check that disk`,
  'space-low': ({ index }) =>
    `the state has grown to ${spaceLowPercent} % of the quota at log index ${index}: compact the history, delete what is not needed, or raise the quota`,
};

/** What an alarm means, for people. */
export function explained(alarm: Alarm): string {
  return explanations[alarm.kind](alarm);
}

/** Why a member stops for an alarm, and what to do. */
export function stopText(alarm: Alarm): string {
  return `${explained(alarm)}. So that nobody gets wrong answers from it, this member stops, and does not start with this state. Keep a copy of its data directory first if the cause is to be found. ${repairBySnapshot}`;
}
