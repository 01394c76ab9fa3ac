import { decodeLabels, type EnvironmentDraft, type NetChange, type Revision, type StateTransaction } from '@env-cli/keyspace';
import type { Enqueued, MirrorState } from '@env-cli/mirroring';

import type { Command, WriteBody } from './command.ts';
import { failedCondition } from './conditions.ts';
import { refusalAt, tooLarge } from './flaw.ts';
import type { Limits } from './limits.ts';
import { carryOut } from './operations.ts';
import type { Refusal } from './refusal.ts';
import type { CommandResult } from './result.ts';
import { rowsOfBytes, type WorkMeter } from './work-meter.ts';

/** An environment that a write changes. */
interface Changed {
  readonly draft: EnvironmentDraft;
  readonly net: NetChange;
}

/** What the cluster as a whole demands of writes. */
export interface WriteRules {
  readonly limits: Limits;
  /** No secret is let in that is not sealed. */
  readonly seals: boolean;
  /** The cluster's, by which conditions compare texts. */
  readonly hashKey: Uint8Array;
}

/** Carries writes out: wholly or not at all, one revision each. */
export class Writer {
  readonly #transaction: StateTransaction;
  readonly #mirrors: MirrorState;
  /** The environments of the write that is carried out, in the order in which its operations name them. */
  readonly #drafts = new Map<string, EnvironmentDraft>();

  constructor(transaction: StateTransaction, mirrors: MirrorState) {
    this.#transaction = transaction;
    this.#mirrors = mirrors;
  }

  write(command: Command, body: WriteBody, rules: WriteRules, work: WorkMeter): CommandResult {
    const { progress } = this.#transaction;
    const refusedBy =
      failedCondition(this.#transaction, command.namespace, body.conditions, work, rules.hashKey) ??
      this.#carryOut(command, body, rules, work);
    if (refusedBy !== null) return { kind: 'refused', refusal: refusedBy };
    const changed: Changed[] = [];
    for (const draft of this.#drafts.values()) {
      const net = draft.net();
      if (net !== null) changed.push({ draft, net });
    }
    if (changed.length === 0) return { kind: 'unchanged', revision: progress.revision };
    const due = changed.map(({ net }) => this.#dueOf(net));
    const refusal = refusalOfGrowth(body, changed, rules.limits) ?? work.charge(rowsOf(changed, due));
    if (refusal !== null) return { kind: 'refused', refusal };
    this.#transaction.commit(changed);
    for (const enqueued of due) this.#mirrors.enqueueAll(enqueued, progress.revision);
    return { kind: 'applied', revision: progress.revision };
  }

  /** Carries the operations out on drafts. */
  #carryOut(command: Command, body: WriteBody, rules: WriteRules, work: WorkMeter): Refusal | null {
    const { progress } = this.#transaction;
    const stamp = {
      revision: (progress.revision + 1) as Revision,
      timeMs: progress.peopleTimeMs,
      principal: command.principal,
      reason: command.reason,
    };
    this.#drafts.clear();
    for (let place = 0; place < body.operations.length; place++) {
      const operation = body.operations[place]!;
      let draft = this.#drafts.get(operation.environment);
      if (draft === undefined) {
        draft = this.#transaction.draft(command.namespace, operation.environment, stamp);
        const tooMuch = work.charge(rowsOfBytes(draft.row?.content?.length ?? 0));
        if (tooMuch !== null) return tooMuch;
        this.#drafts.set(operation.environment, draft);
      }
      const field = (): string => `operations[${place}]`;
      const refusal = carryOut(draft, { transaction: this.#transaction, ...rules, operation, work, field });
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

/** Rows that the changes of a write cost, beside the reading: a record and a change for each, and the outbox rows. */
function rowsOf(changed: readonly Changed[], due: readonly (readonly Enqueued[])[]): number {
  let rows = 0;
  for (const { net } of changed) rows += rowsOfBytes(net.content?.length ?? 0);
  for (const enqueued of due) rows += enqueued.length;
  return rows;
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
