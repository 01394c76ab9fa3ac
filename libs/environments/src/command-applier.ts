import type { StateTransaction } from '@env-cli/keyspace';
import type { MirrorState } from '@env-cli/mirroring';
import { assert, unreachable } from '@env-cli/support';

import { ClusterCommands } from './cluster-commands.ts';
import type { Command } from './command.ts';
import { IntegrityCommands } from './integrity.ts';
import { KeyringCommands } from './keyring.ts';
import { MemberCommands } from './member-commands.ts';
import { MirrorCommands } from './mirror-commands.ts';
import { refusalOfFullState } from './quota.ts';
import { keptOf, replayOf } from './result-codec.ts';
import type { Refusal } from './refusal.ts';
import { reseal } from './reseal.ts';
import type { CommandResult } from './result.ts';
import { SessionCommands } from './session-commands.ts';
import type { MachineCaches } from './machine-caches.ts';
import { refusalOfCommand } from './validate.ts';
import { commandRows, type WorkMeter } from './work-meter.ts';
import { Writer } from './write.ts';

/** Applies one command: once, if it has a place in a session. */
export class CommandApplier {
  readonly #transaction: StateTransaction;
  readonly #caches: MachineCaches;
  readonly #writer: Writer;
  readonly #mirrorCommands: MirrorCommands;
  readonly #sessionCommands: SessionCommands;
  readonly #clusterCommands: ClusterCommands;
  readonly #integrityCommands: IntegrityCommands;
  readonly #memberCommands: MemberCommands;
  readonly #keyringCommands: KeyringCommands;

  constructor(transaction: StateTransaction, mirrors: MirrorState, caches: MachineCaches) {
    this.#transaction = transaction;
    this.#caches = caches;
    this.#writer = new Writer(transaction, mirrors);
    this.#mirrorCommands = new MirrorCommands(transaction, mirrors);
    this.#sessionCommands = new SessionCommands(transaction);
    this.#clusterCommands = new ClusterCommands(transaction, caches);
    this.#integrityCommands = new IntegrityCommands(transaction, caches);
    this.#memberCommands = new MemberCommands(transaction);
    this.#keyringCommands = new KeyringCommands(transaction, caches);
  }

  /** `bytes`: the length of the encoded command. `term`: of the entry that carries it. */
  apply(command: Command, bytes: number, term: number, work: WorkMeter): CommandResult {
    work.begin();
    const refusal = this.#refusalAtTheDoor(command, bytes, work);
    if (refusal !== null) return { kind: 'refused', refusal };
    if (command.session === null) return this.#execute(command, term, work);
    work.spend(1);
    const verdict = this.#transaction.sessions.use(command.session, command.principal, this.#caches.limits);
    switch (verdict.kind) {
      case 'replay':
        return replayOf(verdict.result);
      case 'unknown':
        return refused({ code: 'session-unknown' });
      case 'forgotten': {
        const { sequence } = command.session;
        return refused({ code: 'sequence-forgotten', sequence, firstIncomplete: verdict.firstIncomplete });
      }
      case 'full':
        return refused({ code: 'session-full', max: this.#caches.limits.sessionResultsMax });
      case 'fresh': {
        const result = this.#execute(command, term, work);
        // What had no room was not executed, and is sent again with its sequence.
        if (result.kind === 'refused' && result.refusal.code === 'entry-full') return result;
        verdict.record(keptOf(result, this.#transaction.progress.revision));
        return result;
      }
      default:
        return unreachable(verdict);
    }
  }

  /** Why a command is not let in, whoever sends it again: nothing of it is kept. */
  #refusalAtTheDoor(command: Command, bytes: number, work: WorkMeter): Refusal | null {
    const { identity, limits } = this.#caches;
    const { body } = command;
    if (identity === null && body.kind !== 'bootstrap') return { code: 'not-bootstrapped' };
    if (identity !== null && command.level > identity.featureLevel) {
      return { code: 'level-too-low', needed: command.level, level: identity.featureLevel };
    }
    const refusal = refusalOfCommand(command, bytes, limits);
    if (refusal !== null) return refusal;
    // A write knows what it costs only once it is worked out.
    return work.refusalOf(body.kind === 'write' ? 1 : commandRows(command, 0));
  }

  #execute(command: Command, term: number, work: WorkMeter): CommandResult {
    const { body } = command;
    const { identity, limits, seals } = this.#caches;
    const full = refusalOfFullState(body, this.#transaction.progress.stateBytes, limits);
    if (full !== null) return refused(full);
    if (body.kind === 'write') {
      assert(identity !== null, 'a write comes to a cluster that is founded');
      return this.#writer.write(command, body, { limits, seals, hashKey: identity.hashKey }, work);
    }
    work.spend(commandRows({ body, session: null }, 0));
    switch (body.kind) {
      case 'open-session':
      case 'keep-session':
      case 'close-session':
        return this.#sessionCommands.apply(command, body, limits);
      case 'create-mirror':
      case 'update-mirror':
      case 'pause-mirror':
      case 'delete-mirror':
      case 'retry-mirror':
        return this.#mirrorCommands.define(command.namespace, body, limits);
      case 'delivered':
      case 'withdrawn':
      case 'delivery-failed':
        return this.#mirrorCommands.report(body, term);
      case 'mark-hashes':
      case 'report-hashes':
      case 'raise-alarm':
      case 'clear-alarm':
        return this.#integrityCommands.apply(body);
      case 'found-keyring':
      case 'add-data-key':
      case 'take-seals':
      case 'rewrap-keys':
      case 'mark-resealed':
        return this.#keyringCommands.apply(body);
      case 'reseal':
        return reseal(this.#transaction, command.namespace, body);
      case 'add-member':
      case 'replace-member':
      case 'remove-member':
        return this.#memberCommands.apply(body);
      case 'compact':
      case 'raise-level':
      case 'hold-level':
      case 'set-limits':
      case 'set-quota':
      case 'bootstrap':
      case 'restore':
        return this.#clusterCommands.apply(body);
      default:
        return unreachable(body);
    }
  }
}

function refused(refusal: Refusal): CommandResult {
  return { kind: 'refused', refusal };
}
