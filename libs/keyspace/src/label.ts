/** A label of an environment. Both are ASCII; an environment's labels are sorted by key, each key once. */
export interface Label {
  readonly key: string;
  readonly value: string;
}
