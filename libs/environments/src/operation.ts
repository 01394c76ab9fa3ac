import type { Label, Revision, VariableType, VariableValue } from '@env-cli/keyspace';

/**
 * A variable as a write gives it. What is null stays as it is; where the variable is new, null is `secret: false`, no type,
 * no comment, and a null value is refused.
 *
 * The keyed hash (16 bytes) comes with the value of a secret and only with it, made before the proposal. Whoever leaves
 * `secret` null has looked whether the variable is one; if that changed before the write is applied, the write is refused
 * with `secret-mark-changed`, so that no secret is ever stored in the clear by a race.
 */
export interface VariableInput {
  readonly name: string;
  readonly value: VariableValue | null;
  readonly secret: boolean | null;
  readonly hash: Uint8Array | null;
  readonly type: VariableType | 'none' | null;
  /** UTF-8; empty takes the comment away. */
  readonly comment: Uint8Array | null;
}

/**
 * One step of a write. Each sees what the steps before it did; all happen or none, at one revision.
 *
 * - `create` is refused when the environment exists.
 * - `set` and `replace` are refused when it does not, unless they carry `createIfAbsent`. `set` leaves other variables alone,
 *   `replace` removes those that it does not name (the named ones keep what the input leaves null).
 * - `unset` of a variable that is not there, and `label` removing a label that is not there, change nothing.
 * - `restore` gives the environment the labels, the description and the variables that it had at a revision; one that is
 *   deleted lives again, as a new incarnation. It costs up to `restoreRows` of the rows of work of a write.
 */
export type Operation =
  | {
      readonly kind: 'create';
      readonly environment: string;
      readonly labels: readonly Label[];
      /** UTF-8. */
      readonly description: Uint8Array;
      readonly variables: readonly VariableInput[];
    }
  | {
      readonly kind: 'set' | 'replace';
      readonly environment: string;
      readonly createIfAbsent: boolean;
      readonly variables: readonly VariableInput[];
    }
  | { readonly kind: 'unset'; readonly environment: string; readonly variables: readonly string[] }
  | { readonly kind: 'label'; readonly environment: string; readonly set: readonly Label[]; readonly remove: readonly string[] }
  | { readonly kind: 'describe'; readonly environment: string; readonly description: Uint8Array }
  | { readonly kind: 'delete'; readonly environment: string }
  | { readonly kind: 'restore'; readonly environment: string; readonly revision: Revision };

/**
 * What must hold before a write, on the state before its first operation.
 *
 * `variable-equals` compares a secret by `hash`, the keyed hash of its text, and a plain variable with `value`. Who proposes has looked
 * what the variable is, for the text of a secret is not to stand in the log: what became something else since equals nothing. (With the
 * hash alone a plain variable is compared by the cluster's own key: so earlier versions proposed it.)
 * A deleted environment is absent.
 */
export type Condition =
  | { readonly kind: 'environment-absent'; readonly environment: string }
  | { readonly kind: 'environment-exists'; readonly environment: string }
  | { readonly kind: 'environment-at-revision'; readonly environment: string; readonly revision: Revision }
  | { readonly kind: 'variable-absent'; readonly environment: string; readonly variable: string }
  | {
      readonly kind: 'variable-at-revision';
      readonly environment: string;
      readonly variable: string;
      readonly revision: Revision;
    }
  | {
      readonly kind: 'variable-equals';
      readonly environment: string;
      readonly variable: string;
      readonly value: Uint8Array | null;
      readonly hash: Uint8Array | null;
    };
