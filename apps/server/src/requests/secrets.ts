import { createHmac } from 'node:crypto';
import { keyedHashBytes } from '@env-cli/environments';
import type { VariableType } from '@env-cli/keyspace';

/**
 * The keyed hash of a text: equal for equal texts in one cluster, and useless to whoever lacks the key. What `keyedHash` of
 * `@env-cli/environments` answers, by faster means.
 */
export function keyedHash(key: Uint8Array, text: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(text).digest().subarray(0, keyedHashBytes);
}

/** What must be known of a variable before it is set: apply sees no text of a secret any more. */
export interface VariableMark {
  readonly secret: boolean;
  readonly type: VariableType | null;
}

/** What is there before a write, as far as secrets go. */
export interface SecretMarks {
  /** The mark of a variable; that of a plain one without a type when there is none of that name. */
  of(environment: string, variable: string): VariableMark;
}

/** The mark of a variable that is not there. */
export const unmarked: VariableMark = { secret: false, type: null };

/** Marks of secrets as the operations of a write leave them, one after the other. */
export class MarksInWrite implements SecretMarks {
  readonly #before: SecretMarks;
  readonly #isOne: boolean;
  #marks: Map<string, Map<string, VariableMark>> | null = null;
  /** Environments of which nothing is left from before. */
  #emptied: Set<string> | null = null;
  /** Environments that went back to what the marks from before say nothing of. */
  #restored: Set<string> | null = null;

  /** `operations`: how many the write has. One alone leaves its marks to nobody (and names no variable twice): none are noted. */
  constructor(before: SecretMarks, operations: number) {
    this.#before = before;
    this.#isOne = operations === 1;
  }

  of(environment: string, variable: string): VariableMark {
    return (
      this.#marks?.get(environment)?.get(variable) ??
      (this.#emptied?.has(environment) === true ? unmarked : this.#before.of(environment, variable))
    );
  }

  /** Whether the marks of an environment cannot be known, because an operation before restored it. */
  isUnknown(environment: string, variable: string): boolean {
    return this.#restored?.has(environment) === true && this.#marks?.get(environment)?.get(variable) === undefined;
  }

  mark(environment: string, variable: string, mark: VariableMark): void {
    if (this.#isOne) return;
    this.#marks ??= new Map();
    const marks = this.#marks.get(environment) ?? new Map<string, VariableMark>();
    this.#marks.set(environment, marks.set(variable, mark));
  }

  /** The environment was deleted. */
  empty(environment: string): void {
    this.#marks?.delete(environment);
    this.#restored?.delete(environment);
    this.#emptied ??= new Set();
    this.#emptied.add(environment);
  }

  /** The environment went back to an earlier state. */
  restore(environment: string): void {
    this.#marks?.delete(environment);
    this.#restored ??= new Set();
    this.#restored.add(environment);
  }
}
