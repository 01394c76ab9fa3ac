/** A variable that cannot be written to this target as it is. */
export interface VariableRefusal {
  readonly variable: string;
  /** What is wrong and what to do, without the value. */
  readonly reason: string;
}

/** One key as the target is to hold it. In a blob layout it carries all variables of the environment, else one. */
export interface WantedKey {
  readonly key: string;
  /** The variables that it carries, sorted. */
  readonly variables: readonly string[];
  readonly content: WantedContent;
}

/**
 * What a key is to hold. `attributes` is how the target keeps it beside its bytes (the type of a parameter), and part of `hash`; empty:
 * in the one way that there is. `lacking`: the value is the wanted one but for the variables that it names; of those it holds what the
 * target holds already, if it holds anything. `refused`: it cannot be written, as a whole or because of the variables that `refusals`
 * names; then it is left as it is. Writing the others without these would delete them at the target, and nobody asked for that.
 * `skipped`: the mirror's policy is to go without it; the environment counts as delivered, and its status names the variables.
 */
export type WantedContent =
  | {
      readonly kind: 'value';
      readonly bytes: Uint8Array;
      readonly attributes: string;
      readonly hash: string;
      readonly lacking?: { readonly reason: string; readonly refusals: readonly VariableRefusal[] };
    }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly refusals: readonly VariableRefusal[];
      readonly skipped: boolean;
    };

/**
 * What the source says of an environment. Absence of knowledge is never absence of a key, so the three are apart: only `left`,
 * the committed word that the environment no longer belongs to the mirror, makes all of its keys unwanted.
 */
export type Source =
  | { readonly kind: 'wanted'; readonly keys: readonly WantedKey[] }
  | { readonly kind: 'left' }
  /** It could not be read, decrypted or resolved. Nothing may be concluded from it. */
  | { readonly kind: 'failed'; readonly problem: string; readonly refusals: readonly VariableRefusal[] };
