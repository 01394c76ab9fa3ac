import { type MirrorObstacle, obstacleOfEnvironment, readMirrors, standingOfEnvironment } from '@env-cli/mirroring';
import { toRevision } from '@env-cli/keyspace';
import type { AwaitMirrors, WriteRequest } from '@env-cli/wire';

import { invalid } from '../errors/refused.ts';
import type { Snapshot } from '../reads/snapshot.ts';
import { milliseconds } from '../requests/duration.ts';
import { namespaceOf } from '../requests/names.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { Done } from '../writes/outcome.ts';
import { type StuckMirror, stuckOf } from './stuck.ts';
import { isOver, lookUntil, type WaitServices } from './wait.ts';

/** How long a write waits for mirrors when it does not say, and at most. */
const waitMsDefault = 30_000;
const waitMsMax = 600_000;
/** What is left of a call's deadline for its answer. */
const marginMs = 200;

/** Refuses what a write cannot wait for, before anything is written. Null: it waits for nothing. */
export function awaitedOf(request: WriteRequest): AwaitMirrors | null {
  const awaited = request.awaitMirrors;
  if (awaited === undefined) return null;
  const asked = awaited.timeout === undefined ? waitMsDefault : milliseconds(awaited.timeout, 'await_mirrors.timeout');
  if (asked <= waitMsMax) return awaited;
  throw invalid('await_mirrors.timeout', `must be at most ${waitMsMax / 1000} s`);
}

/** Waits until mirrors hold the environments of a write as it left them, or one of them cannot before somebody acts. */
export async function awaitMirrors(
  services: WaitServices,
  context: CallContext,
  request: WriteRequest,
  done: Done,
  deadline: number | null,
): Promise<Done> {
  const awaited = awaitedOf(request);
  if (awaited === null) return done;
  const asked = awaited.timeout === undefined ? waitMsDefault : milliseconds(awaited.timeout, 'await_mirrors.timeout');
  const untilMs = Math.min(performance.now() + asked, deadline === null ? Number.POSITIVE_INFINITY : deadline - marginMs);
  const environments = [...new Set(request.operations.map(({ environment }) => environment))];
  const seen = await lookUntil(
    services,
    { ...context, deadline: Math.max(context.deadline, untilMs + marginMs) },
    { untilMs, appliedIndex: done.appliedIndex },
    (snapshot) => behindOf(snapshot, request, awaited, environments, done.revision),
    isOver,
  );
  return { ...done, mirrorsBehind: [...seen.behind, ...seen.unknown].toSorted(), mirrorsStuck: seen.stuck };
}

function behindOf(
  snapshot: Snapshot,
  request: WriteRequest,
  { names }: AwaitMirrors,
  environments: readonly string[],
  revision: number,
): { readonly behind: readonly string[]; readonly stuck: readonly StuckMirror[]; readonly unknown: readonly string[] } {
  const wanted = new Set(names);
  const { tables } = snapshot;
  const mirrors = readMirrors(tables, namespaceOf(request));
  const known = new Set(mirrors.map(({ definition }) => definition.name));
  const behind: string[] = [];
  const stuck: StuckMirror[] = [];
  for (const mirror of mirrors) {
    const { name } = mirror.definition;
    if (wanted.size > 0 && !wanted.has(name)) continue;
    const lacking = environments.filter((of) => standingOfEnvironment(tables, mirror, of, toRevision(revision)) !== 'holds');
    if (lacking.length === 0) continue;
    behind.push(name);
    const obstacle = lacking.map((of) => obstacleOfEnvironment(tables, mirror, of)).reduce(heavier, null);
    if (obstacle !== null) stuck.push(stuckOf(name, obstacle));
  }
  // The write is done, and cannot be refused any more for a name that no mirror has; nor is there anything to wait for.
  return { behind, stuck, unknown: [...wanted].filter((name) => !known.has(name)) };
}

/** A dead letter is named before a pause: it has a cause. */
function heavier(a: MirrorObstacle | null, b: MirrorObstacle | null): MirrorObstacle | null {
  return a?.kind === 'dead-letter' || b === null ? a : b;
}
