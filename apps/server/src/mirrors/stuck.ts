import type { MessageInitShape } from '@bufbuild/protobuf';
import { decodeStatus, type MirrorObstacle } from '@env-cli/mirroring';
import { StuckReason, type StuckMirrorSchema } from '@env-cli/wire';

import { wireStateOf } from './status.ts';

/** A mirror that waits for somebody, as answers name it. */
export type StuckMirror = MessageInitShape<typeof StuckMirrorSchema> & { readonly mirror: string };

/** What keeps a mirror, as an answer says it. */
export function stuckOf(mirror: string, obstacle: MirrorObstacle): StuckMirror {
  if (obstacle.kind === 'paused') return { mirror, reason: StuckReason.PAUSED };
  const reason = StuckReason.DEAD_LETTER;
  if (obstacle.found === null) return { mirror, reason };
  const { environment, failed } = obstacle.found;
  const { state, reason: error } = decodeStatus(failed.detail);
  return { mirror, reason, environment, state: wireStateOf(state), error };
}
