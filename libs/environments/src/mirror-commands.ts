import type { StateTransaction } from '@env-cli/keyspace';
import type { MirrorState, MirrorVerdict } from '@env-cli/mirroring';
import { unreachable } from '@env-cli/support';

import type { CommandBody } from './command.ts';
import type { Limits } from './limits.ts';
import type { CommandResult } from './result.ts';

type Definitions = Extract<
  CommandBody,
  { readonly kind: 'create-mirror' | 'update-mirror' | 'pause-mirror' | 'delete-mirror' | 'retry-mirror' }
>;
type Reports = Extract<CommandBody, { readonly kind: 'delivered' | 'withdrawn' | 'delivery-failed' }>;

/** Carries out what people and workers say of mirrors. */
export class MirrorCommands {
  readonly #transaction: StateTransaction;
  readonly #mirrors: MirrorState;

  constructor(transaction: StateTransaction, mirrors: MirrorState) {
    this.#transaction = transaction;
    this.#mirrors = mirrors;
  }

  define(namespace: string, body: Definitions, limits: Limits): CommandResult {
    switch (body.kind) {
      case 'create-mirror':
        return this.#resultOf(body.definition.name, this.#mirrors.create(namespace, body.definition, limits.mirrorsMax));
      case 'update-mirror':
        return this.#resultOf(body.definition.name, this.#mirrors.update(namespace, body.definition));
      case 'pause-mirror':
        return this.#resultOf(body.mirror, this.#mirrors.setPaused(namespace, body.mirror, body.paused));
      case 'delete-mirror':
        return this.#resultOf(body.mirror, this.#mirrors.delete(namespace, body.mirror, body.abandon));
      case 'retry-mirror':
        return this.#resultOf(body.mirror, this.#mirrors.retry(namespace, body.mirror, body.environment));
      default:
        return unreachable(body);
    }
  }

  /** A report counts only in the reign of the leader whose worker made it: nobody knows what an earlier one has yet to land. */
  report(body: Reports, term: number): CommandResult {
    if (body.term !== term) return { kind: 'refused', refusal: { code: 'stale-term', term: body.term, current: term } };
    return this.#carryOut(body)
      ? { kind: 'applied', revision: this.#transaction.progress.revision }
      : { kind: 'refused', refusal: { code: 'mirror-not-found', mirror: `#${body.mirror}` } };
  }

  #carryOut(body: Reports): boolean {
    switch (body.kind) {
      case 'delivered': {
        const { contentHash, remoteVersion, detail } = body;
        return this.#mirrors.delivered(body, { contentHash, remoteVersion, detail });
      }
      case 'withdrawn':
        return this.#mirrors.withdrawn(body);
      case 'delivery-failed':
        return this.#mirrors.failed(body, { status: body.status, detail: body.detail });
      default:
        return unreachable(body);
    }
  }

  #resultOf(mirror: string, verdict: MirrorVerdict): CommandResult {
    const { revision } = this.#transaction.progress;
    switch (verdict.kind) {
      case 'done':
        return { kind: 'applied', revision };
      case 'unchanged':
        return { kind: 'unchanged', revision };
      case 'not-found':
        return { kind: 'refused', refusal: { code: 'mirror-not-found', mirror } };
      case 'exists':
        return { kind: 'refused', refusal: { code: 'mirror-exists', mirror, deleting: verdict.deleting } };
      case 'overlap': {
        const { namespace, definition } = verdict.other;
        const { name, targetKey } = definition;
        return { kind: 'refused', refusal: { code: 'target-overlap', mirror: name, namespace, targetKey } };
      }
      case 'too-many':
        return { kind: 'refused', refusal: { code: 'too-many-mirrors', max: verdict.max } };
      case 'target-fixed':
        return { kind: 'refused', refusal: { code: 'target-key-fixed', mirror, targetKey: verdict.targetKey } };
      default:
        return unreachable(verdict);
    }
  }
}
