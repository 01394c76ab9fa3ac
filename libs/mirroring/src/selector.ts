/** One demand on labels. All demands of a selector must hold. */
export type LabelDemand =
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: 'has-not'; readonly key: string }
  /** The label is there and its value is one of these. `k=v` is `in` with one value. Sorted, each once. */
  | { readonly kind: 'in'; readonly key: string; readonly values: readonly string[] }
  /** The label is absent or its value is none of these. `k!=v` is `not-in` with one value. Sorted, each once. */
  | { readonly kind: 'not-in'; readonly key: string; readonly values: readonly string[] };

/** Demands on the labels of an environment. The empty one is met by all. */
export type LabelSelector = readonly LabelDemand[];
