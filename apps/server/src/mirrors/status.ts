import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Revision } from '@env-cli/keyspace';
import {
  decodeStatus,
  type DeliveryRow,
  type DeliveryState as LibraryState,
  type DeliveryStatus,
  type DueEnvironment,
  type MirrorRow,
  readDeliveries,
  readMirror,
  readOutbox,
  statusOfAll,
  synced,
} from '@env-cli/mirroring';
import type { LiveStatus } from '@env-cli/outbox';
import {
  DeliveryState,
  type EnvironmentDeliverySchema,
  type MirrorsStatusRequest,
  MirrorsStatusResponseSchema,
} from '@env-cli/wire';

import { answerOf } from '../answers/message.ts';
import { Refused } from '../errors/refused.ts';
import type { Snapshot } from '../reads/snapshot.ts';
import { pageSize } from '../requests/integers.ts';
import { namespaceOf } from '../requests/names.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import type { TokenIssuer } from '../tokens/opaque.ts';
import { openPageToken, type PageScope, pageTokenOf } from '../tokens/page-token.ts';
import { wireMirrorOf } from './definition.ts';
import type { MirrorWorker } from './mirror-worker.ts';

const statusSize = { default: 100, max: 1_000 } as const;
/** Rows that are looked at to tell up to which revision everything is delivered. */
const waitingScanMax = 5_000;
/** Bytes of variables' states behind which a page ends. */
const pageBytesMax = 2 * 1024 * 1024;

const states: Readonly<Record<LibraryState, DeliveryState>> = {
  PENDING: DeliveryState.PENDING,
  SYNCED: DeliveryState.SYNCED,
  UNSYNCED: DeliveryState.UNSYNCED,
  BLOCKED_BY_POLICY: DeliveryState.BLOCKED_BY_POLICY,
  SOURCE_ERROR: DeliveryState.SOURCE_ERROR,
  TARGET_ERROR: DeliveryState.TARGET_ERROR,
  INTERNAL_ERROR: DeliveryState.INTERNAL_ERROR,
};

/** How far a delivery has come, as answers say it. */
export function wireStateOf(state: LibraryState): DeliveryState {
  return states[state];
}

/** The mirror that a request names. */
export function mirrorOf({ tables }: Snapshot, request: { readonly namespace: string; readonly name: string }): MirrorRow {
  // What is no name of a mirror names none.
  const row = /^[a-z0-9._-]{1,64}$/.test(request.name) ? readMirror(tables, namespaceOf(request), request.name) : null;
  if (row === null) throw new Refused({ code: 'mirror-not-found', mirror: request.name });
  return row;
}

/** Answers `Mirrors.Status`: what the cluster holds, and on top of it what the worker knows. */
export function answerStatus(
  snapshot: Snapshot,
  request: MirrorsStatusRequest,
  worker: MirrorWorker,
  issuer: TokenIssuer,
): Encoded {
  const mirror = mirrorOf(snapshot, request);
  const size = pageSize(request.pageSize, statusSize.default, statusSize.max);
  const scope: PageScope = { method: 'Mirrors.Status', request: [namespaceOf(request), request.name] };
  const after = request.pageToken === '' ? '' : openPageToken(issuer, scope, request.pageToken).after;
  const page: MessageInitShape<typeof EnvironmentDeliverySchema>[] = [];
  let bytes = 0;
  let next = '';
  for (const { environment, due, row } of standingsOf(snapshot, mirror, after, size + 1)) {
    if (page.length === size || bytes > pageBytesMax) {
      next = pageTokenOf(issuer, scope, { revision: snapshot.progress.revision, after: page.at(-1)!.environment! });
      break;
    }
    const delivery = deliveryOf(environment, due, row, worker.status(mirror.id, environment, due?.kind ?? null));
    bytes += delivery.variables.reduce((sum, { name, error }) => sum + name.length + error.length + 16, 0);
    page.push(delivery);
  }
  return answerOf(MirrorsStatusResponseSchema, snapshot.header, {
    mirror: wireMirrorOf(mirror),
    environments: page,
    nextPageToken: next,
    pendingCount: BigInt(mirror.pendingCount),
    deliveredRevision: BigInt(deliveredUpTo(snapshot, mirror)),
  });
}

interface Standing {
  readonly environment: string;
  readonly due: DueEnvironment | null;
  readonly row: DeliveryRow | null;
}

/** Rows of both tables of a mirror, side by side, in the order of names. */
function standingsOf({ tables }: Snapshot, { id }: MirrorRow, after: string, limit: number): Standing[] {
  const byName = new Map<string, { due: DueEnvironment | null; row: DeliveryRow | null }>();
  for (const due of readOutbox(tables, id, after, limit)) byName.set(due.environment, { due, row: null });
  for (const row of readDeliveries(tables, id, after, limit)) {
    byName.set(row.environment, { due: byName.get(row.environment)?.due ?? null, row });
  }
  return [...byName]
    .map(([environment, standing]) => ({ environment, ...standing }))
    .toSorted((a, b) => (a.environment < b.environment ? -1 : 1))
    .slice(0, limit);
}

function deliveryOf(environment: string, due: DueEnvironment | null, row: DeliveryRow | null, live: LiveStatus | null) {
  const status = live?.status ?? keptStatus(due, row);
  return {
    environment,
    state: states[status.state],
    deliveredRevision: BigInt(row?.delivered?.revision ?? 0),
    pendingRevision: BigInt(due?.revision ?? row?.failed?.revision ?? 0),
    error: live?.hangsForMs === undefined ? status.reason : `${status.reason} (since ${isoTimeOf(-live.hangsForMs)})`,
    attempts: live?.attempts ?? 0,
    ...(live === null || live.nextAttemptInMs === null ? {} : { nextAttemptTime: timestampIn(live.nextAttemptInMs) }),
    variables: status.variables.map(({ variable, state, reason }) => ({ name: variable, state: states[state], error: reason })),
  };
}

/** How an environment stands, by what the cluster holds of it. */
function keptStatus(due: DueEnvironment | null, row: DeliveryRow | null): DeliveryStatus {
  if (due !== null) return statusOfAll('PENDING', due.kind === 'deliver' ? '' : 'it is to be withdrawn');
  if (row?.failed) return decodeStatus(row.failed.detail);
  const detail = row?.delivered?.detail;
  return detail === undefined || detail.length === 0 ? synced : decodeStatus(detail);
}

/** Up to which revision everything is delivered; 0 when that is not known. */
function deliveredUpTo({ tables, progress }: Snapshot, mirror: MirrorRow): Revision | 0 {
  // What failed for good left the outbox: nothing says from which revision on the target lacks it.
  if (mirror.phases.length > 0 || mirror.failedCount > 0) return 0;
  if (mirror.pendingCount === 0) return progress.revision;
  const waiting = readOutbox(tables, mirror.id, '', waitingScanMax);
  if (waiting.length < mirror.pendingCount) return 0;
  return (Math.min(...waiting.map(({ firstRevision }) => firstRevision)) - 1) as Revision;
}

/** The time of people so many milliseconds from now. */
function isoTimeOf(delayMs: number): string {
  return new Date(Date.now() + delayMs).toISOString();
}

function timestampIn(delayMs: number): { seconds: bigint; nanos: number } {
  const atMs = Math.round(Date.now() + delayMs);
  return { seconds: BigInt(Math.floor(atMs / 1_000)), nanos: (atMs % 1_000) * 1_000_000 };
}
