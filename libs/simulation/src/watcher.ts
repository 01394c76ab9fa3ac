import { readChangesAfter, readProgress, type Revision } from '@env-cli/keyspace';
import { decodeUtf8 } from '@env-cli/support';

import { Violation } from './checks.ts';
import type { History } from './history.ts';
import type { SimulatedMember } from './member.ts';
import type { Random } from './random.ts';

/** Whoever watches all environments: at one member, and when that dies at another, from where it had come to. */
export class Watcher {
  readonly #history: History;
  readonly #random: Random;
  readonly #members: readonly SimulatedMember[];
  #member: SimulatedMember;
  #life = 0;
  /** All changes up to this revision have come. */
  #revision = 0;
  /** How many that were. */
  #seen = 0;
  moves = 0;

  constructor(history: History, random: Random, members: readonly SimulatedMember[]) {
    this.#history = history;
    this.#random = random;
    this.#members = members;
    this.#member = random.pick(members);
  }

  get seen(): number {
    return this.#seen;
  }

  /** A member's state moved on, or it died. */
  look(): void {
    if (!this.#member.running || this.#member.lives !== this.#life) {
      this.#member = this.#random.pick(this.#members);
      this.#life = this.#member.lives;
      this.moves++;
    }
    const { tables } = this.#member;
    if (tables === null) return;
    const { revision: newest } = readProgress(tables);
    // A member that is behind what was seen elsewhere has nothing to tell yet.
    while (this.#revision < newest) {
      const limit = { rowsMax: 3, bytesMax: 1024 };
      const { changes, upTo } = readChangesAfter(tables, this.#revision as Revision, newest, limit);
      for (const change of changes) {
        for (const { after } of change.variableChanges())
          if (after !== null) this.#heard(change.revision, change.name, decodeUtf8(after.valueBytes));
      }
      this.#revision = upTo;
    }
  }

  /** Everything that happened must have come. */
  checkWhole(): void {
    const missing = this.#history.changes[this.#seen];
    if (missing !== undefined)
      throw new Violation('a watch has no gap', `revision ${missing.revision} of ${missing.environment} never came`);
  }

  #heard(revision: number, environment: string, value: string): void {
    const wanted = this.#history.changes[this.#seen++];
    if (wanted?.revision === revision && wanted.environment === environment && wanted.value === value) return;
    const what = wanted === undefined ? 'nothing' : `revision ${wanted.revision} of ${wanted.environment}`;
    throw new Violation(
      'a watch has no gap',
      `member ${this.#member.id} tells revision ${revision} of ${environment}, and next is ${what}`,
    );
  }
}
