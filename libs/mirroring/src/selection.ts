import type { Label } from '@env-cli/keyspace';

import type { MirrorRow } from './mirror-row.ts';
import { matchesLabels } from './selector.ts';

/** Whether a mirror carries an environment of its namespace that has these labels (null: that does not exist). */
export function selects(mirror: MirrorRow, environment: string, labels: readonly Label[] | null): boolean {
  const { prefix, labels: demands } = mirror.definition;
  if (mirror.deleting || labels === null || !environment.startsWith(prefix)) return false;
  return demands.length === 0 || matchesLabels(demands, labels);
}
