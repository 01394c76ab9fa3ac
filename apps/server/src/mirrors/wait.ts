import { toRevision } from '@env-cli/keyspace';
import { obstacleOf, readMirrors, standingOf } from '@env-cli/mirroring';
import type { MirrorsWaitRequest } from '@env-cli/wire';

import type { Header } from '../answers/header.ts';
import { Refused } from '../errors/refused.ts';
import type { Member, MonotonicMs } from '../member/member.ts';
import type { Reads } from '../reads/reads.ts';
import type { Snapshot } from '../reads/snapshot.ts';
import { natural } from '../requests/integers.ts';
import { namespaceOf } from '../requests/names.ts';
import type { CallContext } from '../rpc/call-context.ts';
import { mirrorOf } from './status.ts';
import { type StuckMirror, stuckOf } from './stuck.ts';

/** Rows of a mirror that are looked at. */
const scanMax = 1_000;
/** Mirrors are looked at no more often than this, however often something is applied. */
const lookAgainMs = 20;

/** How far the mirrors have come, and in which state that was seen. */
export interface WaitOutcome {
  readonly behind: readonly string[];
  /** Those of them that come no further by themselves. */
  readonly stuck: readonly StuckMirror[];
  readonly header: Header;
}

export interface WaitServices {
  readonly member: Member;
  readonly reads: Reads;
  readonly draining: AbortSignal;
}

/** Waits until mirrors hold a revision, or one of them cannot before somebody acts, or until `until`. */
export async function waitForMirrors(
  services: WaitServices,
  context: CallContext,
  request: MirrorsWaitRequest,
  until: MonotonicMs,
): Promise<WaitOutcome> {
  const { reads } = services;
  const asked = natural(request.revision, 'revision');
  // The newest of the whole cluster: what was acknowledged before the call must count.
  const first = await reads.here(context, { freshness: { kind: 'strong' }, appliedIndex: 0 }, (snapshot) => {
    const { revision } = snapshot.progress;
    if (asked > revision) throw new Refused({ code: 'future-revision', asked: toRevision(asked), newest: revision });
    for (const name of request.names) mirrorOf(snapshot, { namespace: request.namespace, name });
    return {
      revision: asked === 0 ? revision : toRevision(asked),
      outcome: outcomeOf(snapshot, request, asked === 0 ? revision : asked),
    };
  });
  if (isOver(first.outcome)) return first.outcome;
  return lookUntil(
    services,
    context,
    { untilMs: until, appliedIndex: 0 },
    (snapshot) => outcomeOf(snapshot, request, first.revision),
    isOver,
  );
}

/** Nobody has to be waited for, or waiting will not do. */
export function isOver({ behind, stuck }: Pick<WaitOutcome, 'behind' | 'stuck'>): boolean {
  return behind.length === 0 || stuck.length > 0;
}

/** Looks at the state, and again whenever something was applied, until what it sees is enough, or there is no more time. */
export async function lookUntil<T>(
  { member, reads, draining }: WaitServices,
  context: CallContext,
  { untilMs, appliedIndex }: { readonly untilMs: MonotonicMs; readonly appliedIndex: number },
  look: (snapshot: Snapshot) => T,
  isEnough: (seen: T) => boolean,
): Promise<T> {
  const gone = new AbortController();
  const stopListening = context.onCancelled(() => gone.abort());
  const seen = () => reads.here(context, { freshness: { kind: 'any' }, appliedIndex }, look);
  try {
    let last = await seen();
    while (!isEnough(last) && performance.now() < untilMs && !gone.signal.aborted && !draining.aborted) {
      await nextApplied(member, untilMs);
      last = await seen();
    }
    return last;
  } finally {
    stopListening();
  }
}

function outcomeOf(snapshot: Snapshot, request: MirrorsWaitRequest, revision: number): WaitOutcome {
  const wanted = new Set(request.names);
  const { tables, header } = snapshot;
  const behind = readMirrors(tables, namespaceOf(request))
    .filter((mirror) => wanted.size === 0 || wanted.has(mirror.definition.name))
    .filter((mirror) => standingOf(tables, mirror, toRevision(revision), scanMax) !== 'holds');
  const stuck = behind.flatMap((mirror) => {
    const obstacle = obstacleOf(tables, mirror, scanMax);
    return obstacle === null ? [] : [stuckOf(mirror.definition.name, obstacle)];
  });
  return { behind: behind.map(({ definition }) => definition.name), stuck, header };
}

/** Resolves when something was applied, and some time has passed. */
function nextApplied(member: Member, until: MonotonicMs): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.max(0, until - performance.now()));
    const stop = member.onApplied(() => {
      clearTimeout(timer);
      stop();
      setTimeout(resolve, lookAgainMs);
    });
    function done(): void {
      stop();
      resolve();
    }
  });
}
