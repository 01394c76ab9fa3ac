import { getEnvironment } from '@env-cli/environments';
import { type EnvironmentReader, readProgress, type ReadTables, type Revision, toRevision } from '@env-cli/keyspace';
import {
  type MirrorRow,
  readDeliveries,
  readDelivery,
  readMirrors,
  readOutbox,
  readOutboxRow,
  selects,
} from '@env-cli/mirroring';
import type {
  DeliverySnapshot,
  DueRow,
  EnvironmentContent,
  HeldRow,
  MirrorInForce,
  OutboxSource,
  PlainVariable,
} from '@env-cli/outbox';

import type { Member } from '../member/member.ts';

/** How long a read for the worker may wait for the cluster. Then the worker asks again, a little later. */
const readTimeoutMs = 5_000;

type KeptDelivery = NonNullable<ReturnType<typeof readDelivery>>;

/** The cluster's state as the outbox worker needs it: strong reads, which on the leader cost a shared round. */
export class MemberOutboxSource implements OutboxSource {
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
  }

  mirrors(): Promise<readonly MirrorInForce[]> {
    return this.#read((tables) =>
      readMirrors(tables, null).map(({ id, namespace, definition, deleting }) => ({ id, namespace, definition, deleting })),
    );
  }

  due(mirror: number, after: string | null, limit: number): Promise<readonly DueRow[]> {
    return this.#read((tables) => readOutbox(tables, mirror, after ?? '', limit));
  }

  held(mirror: number, after: string | null, limit: number): Promise<readonly HeldRow[]> {
    return this.#read((tables) =>
      readDeliveries(tables, mirror, after ?? '', limit).map((row) => heldRowOf(row.environment, row)),
    );
  }

  snapshot(mirror: number, environment: string): Promise<DeliverySnapshot> {
    return this.#read((tables) => {
      const row = readMirrors(tables, null).find(({ id }) => id === mirror) ?? null;
      const due = readOutboxRow(tables, mirror, environment);
      const delivery = readDelivery(tables, mirror, environment);
      const { revision, content } = contentOf(tables, row, environment);
      return {
        revision,
        due: due === null ? null : { environment, ...due },
        held: delivery === null ? null : heldRowOf(environment, delivery),
        content,
      };
    });
  }

  #read<T>(work: (tables: ReadTables) => T): Promise<T> {
    return this.#member.read(
      { freshness: { kind: 'strong' }, appliedIndex: 0, deadline: performance.now() + readTimeoutMs },
      work,
    );
  }
}

function heldRowOf(environment: string, { delivered, failed }: KeptDelivery): HeldRow {
  return { environment, revision: failed?.revision ?? delivered?.revision ?? toRevision(0), failed: failed !== null };
}

function contentOf(
  tables: ReadTables,
  mirror: MirrorRow | null,
  name: string,
): { readonly revision: Revision; readonly content: EnvironmentContent } {
  const revision = readProgress(tables).revision;
  const absent = { revision, content: { kind: 'absent' } } as const;
  if (mirror === null) return absent;
  const answer = getEnvironment(tables, { namespace: mirror.namespace, name, revision: null });
  if (answer.kind !== 'found' || !selects(mirror, name, answer.environment.labels())) return absent;
  return { revision, content: presentOf(answer.environment) };
}

function presentOf(environment: EnvironmentReader): EnvironmentContent {
  const variables: PlainVariable[] = [];
  const cursor = environment.variables();
  while (cursor.next()) {
    if (cursor.sealed) return { kind: 'failed', problem: 'a sealed value cannot be opened by this version', refusals: [] };
    variables.push({ name: cursor.name, value: cursor.valueBytes, secret: cursor.secret });
  }
  return { kind: 'present', variables, modifyRevision: environment.modifyRevision };
}
