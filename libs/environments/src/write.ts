import { decodeLabels, type EnvironmentDraft, type NetChange, type Revision, type StateTransaction } from '@env-cli/keyspace';
import type { Enqueued, MirrorState } from '@env-cli/mirroring';

import type { Command, WriteBody } from './command.ts';
import { failedCondition } from './conditions.ts';
import { refusalAt, tooLarge } from './flaw.ts';
import type { Limits } from './limits.ts';
import { carryOut } from './operations.ts';
import type { Refusal } from './refusal.ts';
import type { CommandResult } from './result.ts';
import { restoreRowsOf, type WorkMeter } from './work-meter.ts';

/** An environment that a write changes. */
interface Changed {
  readonly draft: EnvironmentDraft;
  readonly net: NetChange;
}

/** Carries writes out: wholly or not at all, one revision each. */
export class Writer {
  readonly #transaction: StateTransaction;
  readonly #mirrors: MirrorState;

  constructor(transaction: StateTransaction, mirrors: MirrorState) {
    this.#transaction = transaction;
    this.#mirrors = mirrors;
  }

  write(command: Command, body: WriteBody, limits: Limits, work: WorkMeter): CommandResult {
    const { progress } = this.#transaction;
    const condition = failedCondition(this.#transaction, command.namespace, body.conditions);
    if (condition !== null) return { kind: 'refused', refusal: condition };
    const restoreRows = restoreRowsOf(body);
    const beforehand = restoreRows === 0 ? null : work.refusalOf(restoreRows);
    if (beforehand !== null) return { kind: 'refused', refusal: beforehand };
    const drafts = new Map<string, EnvironmentDraft>();
    const refusal = this.#carryOut(command, body, limits, drafts);
    if (refusal !== null) return { kind: 'refused', refusal };
    const changed: Changed[] = [];
    for (const draft of drafts.values()) {
      const net = draft.net();
      if (net !== null) changed.push({ draft, net });
    }
    const outgrown = refusalOfGrowth(body, changed, limits);
    if (outgrown !== null) return { kind: 'refused', refusal: outgrown };
    if (changed.length === 0) {
      work.spend(restoreRows);
      return { kind: 'unchanged', revision: progress.revision };
    }
    const due = changed.map(({ net }) => this.#dueOf(net));
    // A record, a change, and an outbox row for each mirror that is concerned.
    const rows = due.reduce((sum, enqueued) => sum + 2 + enqueued.length, restoreRows);
    const full = work.refusalOf(rows);
    if (full !== null) return { kind: 'refused', refusal: full };
    work.spend(rows);
    this.#transaction.commit(changed);
    for (const enqueued of due) this.#mirrors.enqueueAll(enqueued, progress.revision);
    return { kind: 'applied', revision: progress.revision };
  }

  #carryOut(command: Command, body: WriteBody, limits: Limits, drafts: Map<string, EnvironmentDraft>): Refusal | null {
    const { progress } = this.#transaction;
    const stamp = {
      revision: (progress.revision + 1) as Revision,
      timeMs: progress.peopleTimeMs,
      principal: command.principal,
      reason: command.reason,
    };
    for (let place = 0; place < body.operations.length; place++) {
      const operation = body.operations[place]!;
      let draft = drafts.get(operation.environment);
      if (draft === undefined) {
        draft = this.#transaction.draft(command.namespace, operation.environment, stamp);
        drafts.set(operation.environment, draft);
      }
      const field = (): string => `operations[${place}]`;
      const refusal = carryOut(draft, { transaction: this.#transaction, limits, operation, field });
      if (refusal !== null) return refusal;
    }
    return null;
  }

  #dueOf({ parts }: NetChange): readonly Enqueued[] {
    const { kind, namespace, name } = parts;
    return this.#mirrors.affected(
      namespace,
      name,
      () => (kind === 'created' ? null : decodeLabels(parts.labelsBefore)),
      () => (kind === 'deleted' ? null : decodeLabels(parts.labelsAfter)),
    );
  }
}

/** Why the environments that a write leaves are too large, or null. */
function refusalOfGrowth(body: WriteBody, changed: readonly Changed[], limits: Limits): Refusal | null {
  for (const { draft, net } of changed) {
    const bytes = net.content?.length ?? 0;
    const { variableCount } = net;
    if (bytes <= limits.environmentBytesMax && variableCount <= limits.variablesMax) continue;
    const field = `operations[${body.operations.findLastIndex(({ environment }) => environment === draft.name)}]`;
    return variableCount > limits.variablesMax
      ? refusalAt(field, tooLarge('variablesMax', limits, variableCount))
      : refusalAt(field, tooLarge('environmentBytesMax', limits, bytes));
  }
  return null;
}
