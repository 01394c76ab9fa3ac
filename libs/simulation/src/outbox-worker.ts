import { type CommandBody, type CommandResult, getEnvironment } from '@env-cli/environments';
import type { ReadTables } from '@env-cli/keyspace';
import { type MirrorDefinition, readDelivery, readMirror, readOutbox, readOutboxRow } from '@env-cli/mirroring';

import { Violation } from './checks.ts';
import { namespace } from './history.ts';
import type { SimulatedMember } from './member.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

export const mirrorDefinition: MirrorDefinition = {
  name: 'm',
  prefix: '',
  labels: [],
  provider: 'file',
  targetKey: 'file/srv/m',
  options: [],
  layout: 'blob',
  onLeave: 'delete',
  onDrift: 'overwrite',
  deleteShareMaxPercent: 100,
  paused: false,
};

/** Sends a command by a member, and hears what became of it. */
type Propose = (member: SimulatedMember, body: CommandBody, answer: (result: CommandResult | 'failed') => void) => void;

const rowsAtOnce = 8;

/**
 * The worker that whoever leads runs, deposed leaders that do not know it included: it delivers what the outbox says, and reports it. The target
 * takes what is newer than what it has, and nothing else.
 */
export class OutboxWorker {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #members: readonly SimulatedMember[];
  readonly #everyMs: number;
  readonly #propose: Propose;
  /** What the target holds: the revision of each environment. */
  readonly #target = new Map<string, number>();
  readonly #inFlight = new Set<string>();
  deliveries = 0;

  constructor(timeline: Timeline, random: Random, members: readonly SimulatedMember[], everyMs: number, propose: Propose) {
    this.#timeline = timeline;
    this.#random = random;
    this.#members = members;
    this.#everyMs = everyMs;
    this.#propose = propose;
  }

  run(): void {
    this.#timeline.after(this.#random.span(0, this.#everyMs), 'client', () => {
      for (const member of this.#members) if (member.status?.role === 'leader') this.#work(member, member.status.term);
      this.run();
    });
  }

  /** Whether nothing is left to deliver, as a state tells it. */
  isDone(tables: ReadTables): boolean {
    const mirror = readMirror(tables, namespace, mirrorDefinition.name);
    return mirror !== null && readOutbox(tables, mirror.id, '', 1).length === 0;
  }

  /** After a member applied: a row stands for an environment exactly as long as the target lacks what is committed of it. */
  check(who: number, tables: ReadTables, environments: readonly string[]): void {
    const mirror = readMirror(tables, namespace, mirrorDefinition.name);
    // While a new mirror looks for what it selects, rows are still missing.
    if (mirror === null || mirror.phases.length > 0) return;
    for (const name of environments) {
      const row = readOutboxRow(tables, mirror.id, name);
      const answer = getEnvironment(tables, { namespace, name, revision: null });
      const newest = answer.kind === 'found' ? answer.environment.modifyRevision : 0;
      const delivered = readDelivery(tables, mirror.id, name)?.delivered?.revision ?? 0;
      const told = `member ${who}, ${name}: the newest revision is ${newest}, the outbox says ${row?.revision ?? 'nothing'}, ${delivered} was delivered`;
      if (row === null ? delivered < newest : row.revision !== newest)
        throw new Violation('outbox rows are those of committed changes', told);
      if (delivered > (this.#target.get(name) ?? 0)) throw new Violation('what is reported was delivered', told);
    }
  }

  #work(member: SimulatedMember, term: number): void {
    const { tables } = member;
    const mirror = tables === null ? null : readMirror(tables, namespace, mirrorDefinition.name);
    if (tables === null || mirror === null) return;
    for (const { environment, revision, enqueuedIndex } of readOutbox(tables, mirror.id, '', rowsAtOnce)) {
      const flight = `${member.id} ${environment}`;
      if (this.#inFlight.has(flight)) continue;
      this.#inFlight.add(flight);
      this.#timeline.after(this.#random.span(0, this.#everyMs), 'client', () => {
        this.#target.set(environment, Math.max(revision, this.#target.get(environment) ?? 0));
        this.deliveries++;
        const report = { mirror: mirror.id, environment, revision, enqueuedIndex, term };
        const empty = new Uint8Array(0);
        const body = { kind: 'delivered', ...report, contentHash: empty, remoteVersion: empty, detail: empty } as const;
        this.#propose(member, body, () => this.#inFlight.delete(flight));
      });
    }
  }
}
