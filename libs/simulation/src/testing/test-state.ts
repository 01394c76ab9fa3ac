import { type CommandBody, type CommandResult, encodeCommand, encodeEntryData, StateMachine } from '@env-cli/environments';
import type { MemoryTables } from '@env-cli/keyspace';
import type { MemberId } from '@env-cli/raft';
import { encodeUtf8 } from '@env-cli/support';

import { foundingTables } from '../founding.ts';

/** A command as an entry holds it; a counter names it. */
export function commandOf(body: CommandBody, counter = 0): Uint8Array {
  return encodeCommand({
    level: 1,
    group: 1,
    namespace: 'default',
    principal: 'test',
    authorisationRevision: 0,
    requestId: { member: 1, startNonce: 0, counter },
    session: null,
    reason: new Uint8Array(),
    body,
  });
}

/** The state of a cluster of so many members, and what a test applies to it. */
export class TestState {
  readonly tables: MemoryTables;
  readonly #machine = new StateMachine();
  /** The last entry that was applied. */
  index = 1;

  constructor(count: number) {
    this.tables = foundingTables(Array.from({ length: count }, (_, at) => (at + 1) as MemberId));
  }

  apply(body: CommandBody): CommandResult {
    return this.applyEncoded(commandOf(body));
  }

  applyEncoded(command: Uint8Array): CommandResult {
    const data = encodeEntryData({ stampMs: 1_700_000_000_000, deltaMs: 0, commands: [command] });
    const transaction = this.#machine.begin(this.tables);
    const { outcomes } = transaction.apply({ index: ++this.index, term: 1, kind: 'command', data });
    transaction.finish();
    return outcomes[0]!.result;
  }

  /** Writes the one variable of an environment, as a client of a run does. */
  write(environment: string, value: string): CommandResult {
    const bytes = encodeUtf8(value);
    const variable = { name: 'X', value: { kind: 'plain', bytes }, secret: null, hash: null, type: null, comment: null } as const;
    const operation = { kind: 'set', environment, createIfAbsent: true, variables: [variable] } as const;
    return this.apply({ kind: 'write', conditions: [], operations: [operation] });
  }
}

/** The state of three members to which these were written, one after the other. */
export function written(...values: readonly string[]): TestState {
  const state = new TestState(3);
  for (const value of values) state.write('e0', value);
  return state;
}
