import { Consistency, type ReadOptions } from '@env-cli/wire';

import { type ShownView, viewOf } from '../answers/environment.ts';
import { invalid } from '../errors/refused.ts';
import type { ReadNeed } from '../member/member.ts';
import { milliseconds } from '../requests/duration.ts';
import { natural } from '../requests/integers.ts';
import type { TokenIssuer } from '../tokens/opaque.ts';
import { neededIndex, onlyGroup, openReadToken } from '../tokens/read-token.ts';

/** What the options of a read ask for, checked. */
export interface ReadDemand {
  readonly freshness: ReadNeed['freshness'];
  /** The lowest applied index that will do; 0 when no token came. */
  readonly appliedIndex: number;
  /** The revision whose state is wanted; 0: the newest. */
  readonly revision: number;
  readonly view: ShownView;
}

/** What a member answers where a request leaves the level open. */
export type DefaultConsistency = 'strong' | 'eventual';

const field = 'options';

/** Reads the options of a read. */
export function demandOf(options: ReadOptions | undefined, issuer: TokenIssuer, defaultLevel: DefaultConsistency): ReadDemand {
  if (options === undefined) {
    return { freshness: { kind: defaultLevel === 'strong' ? 'strong' : 'any' }, appliedIndex: 0, revision: 0, view: 'masked' };
  }
  return {
    freshness: freshnessOf(options, defaultLevel),
    appliedIndex: options.token === '' ? 0 : neededIndex(openReadToken(issuer, options.token, `${field}.token`), onlyGroup),
    revision: natural(options.revision, `${field}.revision`),
    view: viewOf(options.view, `${field}.view`),
  };
}

function freshnessOf({ consistency, maxLag }: ReadOptions, defaultLevel: DefaultConsistency): ReadNeed['freshness'] {
  const level =
    consistency === Consistency.UNSPECIFIED
      ? defaultLevel === 'strong'
        ? Consistency.STRONG
        : Consistency.EVENTUAL
      : consistency;
  if (maxLag !== undefined && level !== Consistency.EVENTUAL)
    throw invalid(`${field}.max_lag`, 'goes with CONSISTENCY_EVENTUAL only');
  switch (level) {
    case Consistency.STRONG:
      return { kind: 'strong' };
    // What the token saw is demanded at every level; this one demands nothing else.
    case Consistency.READ_YOUR_WRITES:
      return { kind: 'any' };
    case Consistency.EVENTUAL:
      return maxLag === undefined
        ? { kind: 'any' }
        : { kind: 'fresh-within', maxLagMs: milliseconds(maxLag, `${field}.max_lag`) };
    default:
      throw invalid(`${field}.consistency`, 'must be CONSISTENCY_STRONG, CONSISTENCY_READ_YOUR_WRITES or CONSISTENCY_EVENTUAL');
  }
}
