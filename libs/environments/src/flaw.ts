import { entryLimits, type LimitName, type Limits } from './limits.ts';
import type { Refusal } from './refusal.ts';

/** What is wrong with a part of a request, before it is said which part. */
export type Flaw =
  | { readonly kind: 'invalid'; readonly problem: string }
  | { readonly kind: 'too-large'; readonly limit: LimitName; readonly max: number; readonly actual: number };

export function flaw(problem: string): Flaw {
  return { kind: 'invalid', problem };
}

/** More than a limit allows. */
export function tooLarge(limit: LimitName, limits: Limits, actual: number): Flaw {
  return { kind: 'too-large', limit, max: { ...limits, ...entryLimits }[limit], actual };
}

/** The refusal of a request for a flaw at a place in it. */
export function refusalAt(field: string, found: Flaw): Refusal {
  if (found.kind === 'invalid') return { code: 'invalid', field, problem: found.problem };
  const { limit, max, actual } = found;
  return { code: 'too-large', field, limit, max, actual };
}
