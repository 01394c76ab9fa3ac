import { passTime, type StateTransaction } from '@env-cli/keyspace';
import { MirrorState } from '@env-cli/mirroring';
import { MalformedBytes } from '@env-cli/support';

import { sweepBackground } from './background.ts';
import { decodeCommand, requestIdOf } from './command-codec.ts';
import { CommandApplier } from './command-applier.ts';
import type { Command } from './command.ts';
import type { CommittedEntry, EntryOutcome } from './entry.ts';
import { decodeEntryData } from './entry-data.ts';
import type { CommandOutcome } from './result.ts';
import type { MachineCaches } from './machine-caches.ts';
import { SpaceWatch } from './quota.ts';
import { WorkMeter } from './work-meter.ts';

/** Applies entries one after the other: time, commands, then a little of the work that no command waits for. */
export class EntryApplier {
  readonly #transaction: StateTransaction;
  readonly #caches: MachineCaches;
  readonly #mirrors: MirrorState;
  readonly #commands: CommandApplier;
  readonly #space: SpaceWatch;

  constructor(transaction: StateTransaction, caches: MachineCaches) {
    this.#transaction = transaction;
    this.#caches = caches;
    this.#mirrors = new MirrorState(transaction, caches.mirrors);
    this.#commands = new CommandApplier(transaction, this.#mirrors, caches);
    this.#space = new SpaceWatch(transaction, caches);
  }

  apply(entry: CommittedEntry): EntryOutcome {
    const outcomes: CommandOutcome[] = [];
    let marked = false;
    this.#mirrors.beginEntry(entry.index);
    if (entry.kind === 'configuration') this.#transaction.putMeta('membership', entry.data);
    if (entry.kind === 'command') {
      const { stampMs, deltaMs, commands } = decodeEntryData(entry.data);
      passTime(this.#transaction.progress, stampMs, deltaMs);
      const work = new WorkMeter();
      for (const bytes of commands) {
        const command = decoded(bytes);
        if (command === null) {
          outcomes.push(malformed(bytes));
          continue;
        }
        marked ||= command.body.kind === 'mark-hashes';
        const result = this.#commands.apply(command, bytes.length, entry.term, work);
        outcomes.push({ requestId: command.requestId, result });
      }
    }
    sweepBackground(this.#transaction, this.#mirrors, this.#caches.limits);
    this.#space.endEntry();
    this.#transaction.endEntry(entry.index, entry.term);
    if (!marked) return { outcomes, hashes: null };
    this.flush();
    return { outcomes, hashes: { index: entry.index, bytes: this.#transaction.hashes() } };
  }

  get backgroundDue(): boolean {
    const { sweptRevision, floor } = this.#transaction.progress;
    return sweptRevision < floor || this.#mirrors.phasesLeft;
  }

  flush(): void {
    this.#mirrors.flush();
  }
}

/** The command, or null when its bytes are of a known format and broken: then every member finds the same, and skips it. */
function decoded(bytes: Uint8Array): Command | null {
  try {
    return decodeCommand(bytes);
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

/** A member that sends such bytes is broken; whoever waits at it is told, and the cluster goes on. */
function malformed(bytes: Uint8Array): CommandOutcome {
  const requestId = requestIdOf(bytes) ?? { member: 0, startNonce: 0, counter: 0 };
  const refusal = { code: 'invalid', field: 'command', problem: 'its bytes do not hold a whole command' } as const;
  return { requestId, result: { kind: 'refused', refusal } };
}
