import { type LabelSelector, parseLabelSelector } from '@env-cli/mirroring';

import { invalid } from '../errors/refused.ts';

/** The selector that a text means; refuses what is none, with the place. */
export function selectorOf(text: string, field: string): LabelSelector {
  const parsed = parseLabelSelector(text);
  if (parsed.kind === 'error') throw invalid(field, `${parsed.problem} (at character ${parsed.position + 1})`);
  return parsed.selector;
}
