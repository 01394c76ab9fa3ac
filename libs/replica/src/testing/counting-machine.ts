import { type CommittedEntry, decodeEntryData, type EntryOutcome } from '@env-cli/environments';
import { type Revision, toRevision, type Tables } from '@env-cli/keyspace';
import { ByteReader, ByteWriter, encodeUtf8 } from '@env-cli/support';

import type { MachineTransaction, StateMachine } from '../ports.ts';

const stateKey = encodeUtf8('state');

/** A command that says only who asked. */
export function countingCommand(requestId: {
  readonly member: number;
  readonly startNonce: number;
  readonly counter: number;
}): Uint8Array {
  return new ByteWriter(24).u32(requestId.member).u32(requestId.startNonce).u64(requestId.counter).take();
}

/** Counts commands, and notes in which order they came: all that the loop needs of a state machine. */
export const countingMachine: StateMachine = {
  begin(tables: Tables): MachineTransaction {
    const state = readState(tables.get('meta', stateKey));
    return {
      apply: (entry: CommittedEntry): EntryOutcome => {
        if (entry.index !== state.index + 1) throw new Error(`entry ${entry.index} after ${state.index}`);
        state.index = entry.index;
        state.term = entry.term;
        if (entry.kind !== 'command') return { outcomes: [], hashes: null };
        const { commands } = decodeEntryData(entry.data);
        const outcomes = commands.map((command) => {
          const reader = new ByteReader(command);
          const requestId = { member: reader.u32(), startNonce: reader.u32(), counter: reader.u64() };
          state.revision = toRevision(state.revision + 1);
          tables.put('changes', new ByteWriter(8).u64(state.revision).take(), command);
          return { requestId, result: { kind: 'applied', revision: state.revision } as const };
        });
        return { outcomes, hashes: null };
      },
      finish: () => {
        tables.put('meta', stateKey, new ByteWriter(24).u64(state.index).u64(state.term).u64(state.revision).take());
        return { revision: state.revision, backgroundDue: false };
      },
    };
  },
};

/** How far the machine has come in these tables. */
export function readState(bytes: Uint8Array | undefined): { index: number; term: number; revision: Revision } {
  if (bytes === undefined) return { index: 0, term: 0, revision: toRevision(0) };
  const reader = new ByteReader(bytes);
  return { index: reader.u64(), term: reader.u64(), revision: toRevision(reader.u64()) };
}

export { stateKey };
