import type { VariableType } from './environment.ts';

/** A variable to be written. What is left out stays as it was; a new variable is no secret, of no type, without a comment. */
export interface VariableUpdate {
  /** Text of at most 256 KiB in UTF-8; the empty text is a value. */
  readonly value: string;
  readonly secret?: boolean;
  readonly type?: VariableType;
  /** At most 4 KiB in UTF-8. */
  readonly comment?: string;
}

/** Variables by name: a text alone is a value. */
export type Updates = Readonly<Record<string, string | VariableUpdate>>;

/** One step of a write. Each sees what the steps before it did. */
export type Operation =
  /** Creates an environment. Refused with ENVIRONMENT_EXISTS when there is one. */
  | {
      readonly kind: 'create';
      readonly environment: string;
      readonly variables?: Updates;
      readonly labels?: Readonly<Record<string, string>>;
      readonly description?: string;
    }
  /** Sets variables and leaves the others; `replace` makes them the only ones. Refused with ENVIRONMENT_NOT_FOUND without `createIfAbsent`. */
  | {
      readonly kind: 'set' | 'replace';
      readonly environment: string;
      readonly variables: Updates;
      /** Defaults to false. */
      readonly createIfAbsent?: boolean;
    }
  /** Removes variables. A name that does not exist is not an error. */
  | { readonly kind: 'unset'; readonly environment: string; readonly names: readonly string[] }
  | {
      readonly kind: 'label';
      readonly environment: string;
      readonly set?: Readonly<Record<string, string>>;
      readonly remove?: readonly string[];
    }
  /** The empty text removes the description. */
  | { readonly kind: 'describe'; readonly environment: string; readonly description: string }
  /** Its history stays until it is compacted. */
  | { readonly kind: 'delete'; readonly environment: string }
  /** Brings back what it was at a revision, also when it was deleted since. */
  | { readonly kind: 'restore'; readonly environment: string; readonly revision: number };

/** What must hold, in the state before a write, for the write to happen. */
export type Condition =
  | { readonly kind: 'exists' | 'absent'; readonly environment: string }
  /** The revision that last changed the environment. */
  | { readonly kind: 'at-revision'; readonly environment: string; readonly revision: number }
  /** 0: the variable does not exist. */
  | { readonly kind: 'variable-at-revision'; readonly environment: string; readonly variable: string; readonly revision: number }
  | { readonly kind: 'variable-equals'; readonly environment: string; readonly variable: string; readonly value: string };
