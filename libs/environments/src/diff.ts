import type { EnvironmentReader, ReadTables, VariableChange } from '@env-cli/keyspace';

import { type EnvironmentRequest, getEnvironment } from './get.ts';
import type { Refusal } from './refusal.ts';

/** What differs between two environments, or between two revisions of one. */
export type DiffAnswer =
  | {
      readonly kind: 'diff';
      /** Null when it did not exist at that revision. Labels and descriptions are compared by whoever shows them. */
      readonly left: EnvironmentReader | null;
      readonly right: EnvironmentReader | null;
      /** Sorted by name: `before` on the left, `after` on the right. A secret differs when its keyed hash does. */
      readonly variables: readonly VariableChange[];
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Compares two states. */
export function diff(tables: ReadTables, left: EnvironmentRequest, right: EnvironmentRequest): DiffAnswer {
  const leftAnswer = getEnvironment(tables, left);
  if (leftAnswer.kind === 'refused') return leftAnswer;
  const rightAnswer = getEnvironment(tables, right);
  if (rightAnswer.kind === 'refused') return rightAnswer;
  const from = leftAnswer.kind === 'found' ? leftAnswer.environment : null;
  const to = rightAnswer.kind === 'found' ? rightAnswer.environment : null;
  return { kind: 'diff', left: from, right: to, variables: differences(from, to) };
}

function differences(left: EnvironmentReader | null, right: EnvironmentReader | null): VariableChange[] {
  const found: VariableChange[] = [];
  const from = left?.variables();
  const to = right?.variables();
  let moreLeft = from?.next() ?? false;
  let moreRight = to?.next() ?? false;
  while (moreLeft || moreRight) {
    const name = moreRight && (!moreLeft || from!.compareName(to!.name) > 0) ? to!.name : from!.name;
    const onLeft = moreLeft && from!.compareName(name) === 0;
    const onRight = moreRight && to!.compareName(name) === 0;
    if (!onLeft || !onRight || !from!.saysTheSame(to!)) {
      found.push({
        name,
        before: onLeft ? from!.standing() : null,
        after: onRight ? to!.standing() : null,
      });
    }
    if (onLeft) moreLeft = from!.next();
    if (onRight) moreRight = to!.next();
  }
  return found;
}
