import type { StuckMirror } from '@env-cli/client';

import { cell } from './table.ts';

/** What keeps mirrors until somebody acts, and what to do: a sentence for each. */
export function stuckText(stuck: readonly StuckMirror[]): string {
  return stuck.map(sentenceOf).join(' ');
}

function sentenceOf({ mirror, reason, environment, state, error }: StuckMirror): string {
  switch (reason) {
    case 'paused':
      return `Mirror ${mirror} is paused: 'env-cli mirror resume ${mirror}' lets it deliver.`;
    case 'dead-letter': {
      const retry = `'env-cli mirror retry ${mirror}${environment === '' ? '' : ` ${environment}`}'`;
      if (environment === '') {
        return `Mirror ${mirror} gave up on an environment: see 'env-cli mirror status ${mirror}', mend that, then ${retry}.`;
      }
      return `Mirror ${mirror} gave up on ${environment} (${state}): ${cell(error)}. Mend that, then ${retry}.`;
    }
    case 'unknown':
    default:
      return `Mirror ${mirror} waits for somebody: see 'env-cli mirror status ${mirror}'.`;
  }
}
