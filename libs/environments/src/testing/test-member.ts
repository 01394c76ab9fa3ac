import { MemoryTables } from '@env-cli/keyspace';
import { assert } from '@env-cli/support';

import type { CommandBody } from '../command.ts';
import type { Command } from '../command.ts';
import type { CommittedEntry, EntryOutcome } from '../entry.ts';
import { encodeEntryData } from '../entry-data.ts';
import type { Limits } from '../limits.ts';
import type { CommandResult } from '../result.ts';
import { StateMachine } from '../state-machine.ts';
import { bootstrapOf, bytesOf } from './commands.ts';

/** One member's state, and the log as far as it is applied. */
export class TestMember {
  readonly tables: MemoryTables;
  readonly #machine = new StateMachine();
  #index = 0;
  term = 1;
  stampMs = 1_700_000_000_000;

  constructor(tables: MemoryTables = new MemoryTables()) {
    this.tables = tables;
  }

  /** A member of a cluster that was bootstrapped. */
  static bootstrapped(limits: Partial<Limits> = {}, tables: MemoryTables = new MemoryTables()): TestMember {
    const member = new TestMember(tables);
    assert(member.apply(bootstrapOf(limits)).kind === 'applied', 'a new cluster is bootstrapped');
    return member;
  }

  get index(): number {
    return this.#index;
  }

  /** Applies one command in an entry and a transaction of its own. */
  apply(body: CommandBody, parts: Partial<Command> = {}): CommandResult {
    return this.entry([bytesOf(body, parts)]).outcomes.at(0)!.result;
  }

  /** Applies one entry of commands in a transaction of its own. */
  entry(commands: readonly Uint8Array[], deltaMs = 10): EntryOutcome {
    this.stampMs += deltaMs;
    const data = encodeEntryData({ stampMs: this.stampMs, deltaMs, commands });
    return this.transact([{ kind: 'command', data }]).at(0)!;
  }

  /** Applies entries in one transaction. */
  transact(entries: readonly Pick<CommittedEntry, 'kind' | 'data'>[]): EntryOutcome[] {
    const transaction = this.#machine.begin(this.tables);
    const outcomes = entries.map((entry) => transaction.apply({ ...entry, index: ++this.#index, term: this.term }));
    transaction.finish();
    return outcomes;
  }

  /** Applies empty entries until no work is left in the background; answers how many it took. */
  settle(): number {
    for (let entries = 1; ; entries++) {
      const transaction = this.#machine.begin(this.tables);
      const data = encodeEntryData({ stampMs: this.stampMs, deltaMs: 0, commands: [] });
      transaction.apply({ index: ++this.#index, term: this.term, kind: 'command', data });
      if (!transaction.finish().backgroundDue) return entries;
    }
  }
}
