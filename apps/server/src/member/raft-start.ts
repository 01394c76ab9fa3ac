import { randomInt } from 'node:crypto';
import type { MemberIdentity } from '@env-cli/keyspace';
import type { LogFile } from '@env-cli/log-file';
import { type Configuration, decodeConfiguration, type Entry, type Index, type MemberId, Raft, type Term } from '@env-cli/raft';
import { type LogContents, planStart } from '@env-cli/replica';
import { repairBySnapshot } from '@env-cli/store-lmdb';

import { MemberRefused } from './member-refused.ts';
import type { ConsensusStart, StateReport } from './thread-messages.ts';

/** Bytes of one entry: the largest command (4 MiB, `Limits`) and what goes around it. Below the largest frame between members (6 MiB). */
const entryBytesMax = 5 * 1024 * 1024;

const lostLog =
  'Put back the newest copy of the whole directory, or remove this member from the cluster and add it with a number that was never used.';

/**
 * The configuration that a state holds. Before the first change of it those vote who founded the cluster, and nobody else: whoever is to be added stands among the
 * state's members before any configuration names it.
 */
export function configurationOf(
  { membership }: Pick<StateReport, 'membership'>,
  founders: readonly MemberIdentity[],
): Configuration {
  if (membership !== null) return decodeConfiguration(membership);
  const voters = founders.map((member) => member.memberId as MemberId).toSorted((a, b) => a - b);
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], learnersJoining: [] };
}

/** Brings log and state together, and the core to life on them. */
export async function startRaft(
  start: ConsensusStart,
  log: LogFile,
  founding: Uint8Array | null,
  founders: readonly MemberIdentity[],
): Promise<Raft> {
  const { state, memberId, electionTicks } = start;
  const contents = await begunLog(log, founding, state.appliedIndex);
  const plan = planStart(contents, {
    appliedIndex: state.appliedIndex,
    appliedTerm: state.appliedTerm,
    configuration: configurationOf(state, founders),
    configurationIndex: 0,
  });
  if (plan.kind === 'refused') {
    const next = plan.lacks === 'state' ? repairBySnapshot : lostLog;
    throw new MemberRefused('log-and-state-differ', `${start.dataDir}: ${plan.problem}. ${next}`);
  }
  if (plan.kind === 'reset-log') await new Promise<void>((done) => log.reset(plan.index, plan.term, done));
  return new Raft(
    { id: memberId as MemberId, electionTicks, entryBytesMax, random: (boundExclusive) => randomInt(boundExclusive) },
    plan.initial,
  );
}

/**
 * The log with the cluster's first entry in it, which is the same on every initial member (docs/decisions/0010-bootstrap.md). Null: the member joins, and is
 * sent that as well, in the log or in a snapshot.
 */
async function begunLog(log: LogFile, founding: Uint8Array | null, appliedIndex: number): Promise<LogContents> {
  const { contents } = log;
  if (contents.lastIndex > 0 || appliedIndex > 0 || founding === null) return contents;
  const index = 1 as Index;
  const term = 1 as Term;
  const entry: Entry = { index, term, kind: 'command', data: founding };
  const hardState = { term, votedFor: null };
  await new Promise<void>((durable) => log.append({ hardState, entries: [entry] }, durable));
  return {
    hardState,
    previous: { index: 0 as Index, term: 0 as Term },
    lastIndex: index,
    termRuns: [{ firstIndex: index, term }],
    configurations: [],
  };
}
