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

import { Refused } from '../errors/refused.ts';
import type { Member } from '../member/member.ts';
import type { Secrets } from '../secrets/secrets.ts';

/** How long a read for the worker may wait for the cluster. Then the worker asks again, a little later. */
const readTimeoutMs = 5_000;

type KeptDelivery = NonNullable<ReturnType<typeof readDelivery>>;

/** The cluster's state as the outbox worker needs it: strong reads, which on the leader cost a shared round. */
export class MemberOutboxSource implements OutboxSource {
  readonly #member: Member;
  readonly #secrets: Secrets;

  constructor(member: Member, secrets: Secrets) {
    this.#member = member;
    this.#secrets = secrets;
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
      const { revision, content } = contentOf(tables, row, environment, this.#secrets);
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
  secrets: Secrets,
): { readonly revision: Revision; readonly content: EnvironmentContent } {
  const revision = readProgress(tables).revision;
  const absent = { revision, content: { kind: 'absent' } } as const;
  if (mirror === null) return absent;
  const answer = getEnvironment(tables, { namespace: mirror.namespace, name, revision: null });
  if (answer.kind !== 'found' || !selects(mirror, name, answer.environment.labels())) return absent;
  return { revision, content: presentOf(answer.environment, secrets) };
}

function presentOf(environment: EnvironmentReader, secrets: Secrets): EnvironmentContent {
  const variables: PlainVariable[] = [];
  const cursor = environment.variables();
  while (cursor.next()) {
    const { name, secret } = cursor;
    const place = { namespace: environment.namespace, environment: environment.name, variable: name };
    // What this member cannot open yet it asks for again; what nobody can open is told where people look.
    try {
      variables.push({ name, value: secret ? secrets.open(place, cursor) : cursor.valueBytes, secret });
    } catch (error) {
      if (!(error instanceof Refused) || error.refusal.code !== 'secret-broken') throw error;
      return { kind: 'failed', problem: `the secret ${name} cannot be opened: set it again`, refusals: [] };
    }
  }
  return { kind: 'present', variables, modifyRevision: environment.modifyRevision };
}
