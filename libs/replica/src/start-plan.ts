import type { Configuration, Index, InitialState, Term } from '@env-cli/raft';

import type { LogContents } from './ports.ts';

/** Where a state stands when it is opened, at its checkpoint. */
export interface StateAtStart {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly configuration: Configuration;
  /** See `InitialState.configurationIndex`. */
  readonly configurationIndex: number;
}

/** How a member that finds this log and this state begins. */
export type StartPlan =
  | { readonly kind: 'start'; readonly initial: InitialState }
  /** The state has what its log lacks: the log is reset to begin behind the state first. Term and vote are kept. */
  | { readonly kind: 'reset-log'; readonly index: Index; readonly term: Term; readonly initial: InitialState }
  /** The two are not of one day. `lacks`: which of them is the older one; what an old log lacks may be votes. */
  | { readonly kind: 'refused'; readonly lacks: 'state' | 'log'; readonly problem: string };

/**
 * Compares the log with the state (docs/ARCHITECTURE.md, "The log").
 *
 * A state ahead of its log follows a crash between the switch to a snapshot's state and the reset of the log. So does a log whose
 * entry at the applied index is of another term: it holds what the snapshot overtook.
 */
export function planStart(log: LogContents, state: StateAtStart): StartPlan {
  const { appliedIndex, appliedTerm, configuration } = state;
  if (appliedIndex < log.previous.index) {
    const problem =
      `the state has applied entries up to ${appliedIndex}, and the log begins with ${log.previous.index + 1}: ` +
      'entries between them are lost, as after an older copy of the state was put back';
    return { kind: 'refused', lacks: 'state', problem };
  }
  const applied = appliedIndex as Index;
  const configurationIndex = state.configurationIndex as Index;
  if (appliedIndex <= log.lastIndex && termAt(log, appliedIndex) === appliedTerm) {
    return { kind: 'start', initial: { log, applied, configuration, configurationIndex } };
  }
  const term = appliedTerm as Term;
  const { hardState } = log;
  if (hardState.term < term) {
    return {
      kind: 'refused',
      lacks: 'log',
      problem: `the state is of term ${term}, and the log has only heard of term ${hardState.term}: the log is another one`,
    };
  }
  const emptied = { hardState, previous: { index: applied, term }, lastIndex: applied, termRuns: [], configurations: [] };
  return { kind: 'reset-log', index: applied, term, initial: { log: emptied, applied, configuration, configurationIndex } };
}

function termAt(log: LogContents, index: number): number {
  if (index === log.previous.index) return log.previous.term;
  let term = -1;
  for (const run of log.termRuns) if (run.firstIndex <= index) term = run.term;
  return term;
}
