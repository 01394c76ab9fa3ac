import type { Label } from '@env-cli/keyspace';
import { unreachable } from '@env-cli/support';

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

/** Whether labels (sorted or not) meet all demands of a selector. */
export function matchesLabels(selector: LabelSelector, labels: readonly Label[]): boolean {
  return selector.every((demand) => {
    const value = labels.find((label) => label.key === demand.key)?.value;
    switch (demand.kind) {
      case 'has':
        return value !== undefined;
      case 'has-not':
        return value === undefined;
      case 'in':
        return value !== undefined && demand.values.includes(value);
      case 'not-in':
        return value === undefined || !demand.values.includes(value);
      default:
        return unreachable(demand);
    }
  });
}

/** The one spelling of a selector: `k`, `!k`, `k=v`, `k!=v`, `k in (a,b)`, `k notin (a,b)`, joined by commas. */
export function formatLabelSelector(selector: LabelSelector): string {
  return selector.map(formatDemand).join(',');
}

function formatDemand(demand: LabelDemand): string {
  switch (demand.kind) {
    case 'has':
      return demand.key;
    case 'has-not':
      return `!${demand.key}`;
    case 'in':
      return demand.values.length === 1 ? `${demand.key}=${demand.values[0]}` : `${demand.key} in (${demand.values.join(',')})`;
    case 'not-in':
      return demand.values.length === 1
        ? `${demand.key}!=${demand.values[0]}`
        : `${demand.key} notin (${demand.values.join(',')})`;
    default:
      return unreachable(demand);
  }
}
