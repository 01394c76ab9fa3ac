import { alarmToStopFor } from '@env-cli/environments';

import type { Member } from '../member/member.ts';
import { StartRefused } from '../options/refusal.ts';
import { stopText } from './alarm-text.ts';

/** How long the look into an own state may take. */
const lookTimeoutMs = 10_000;

/** Throws when the member's own state holds an alarm for which it stopped: it would answer wrongly until it stopped again. `repairedIndex`: see `alarmToStopFor`. */
export async function refuseAccusedMember(member: Member, repairedIndex = 0): Promise<void> {
  const need = { freshness: { kind: 'any' }, appliedIndex: 0, deadline: performance.now() + lookTimeoutMs } as const;
  const alarm = await member.read(need, (tables) => alarmToStopFor(tables, member.identity.memberId, repairedIndex));
  if (alarm !== null) throw new StartRefused('data', stopText(alarm));
}
