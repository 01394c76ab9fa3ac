import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, describe, expect, test } from '@jest/globals';
import { decodeCommand, decodeEntryData, encodeCommand, encodeEntryData, StateMachine } from '@env-cli/environments';
import type { Raft } from '@env-cli/raft';
import { DiskMemory, type StateMachine as StateMachinePort } from '@env-cli/replica';

import { runSeeds } from './seeds.ts';
import type { Plants } from './simulate.ts';

const source = 'libs/raft/src';
const copies = 'libs/simulation/.mutants';
afterAll(() => rmSync(copies, { recursive: true, force: true }));

/** The core with one sentence of its source changed. */
async function mutatedCore(name: string, file: string, find: string, replacement: string): Promise<Plants> {
  const copy = join(copies, name);
  cpSync(source, copy, { recursive: true });
  for (const entry of readdirSync(copy)) if (entry.endsWith('.test.ts')) rmSync(join(copy, entry));
  const text = readFileSync(join(copy, file), 'utf8');
  expect(text.split(find)).toHaveLength(2);
  writeFileSync(join(copy, file), text.replace(find, replacement));
  const { Raft: Mutant } = (await import(pathToFileURL(join(copy, 'raft.ts')).href)) as { Raft: typeof Raft };
  return { createRaft: (options, initial) => new Mutant(options, initial) };
}

/** A state machine that knows no sessions: a write that is sent again is done again. */
function forgetful(): StateMachinePort {
  const real = new StateMachine();
  return {
    begin: (tables) => {
      const transaction = real.begin(tables);
      return {
        finish: () => transaction.finish(),
        apply: (entry) => {
          if (entry.kind !== 'command') return transaction.apply(entry);
          const data = decodeEntryData(entry.data);
          const commands = data.commands.map((bytes) => encodeCommand({ ...decodeCommand(bytes), session: null }));
          return transaction.apply({ ...entry, data: encodeEntryData({ ...data, commands }) });
        },
      };
    },
  };
}

/** Every seventh process keeps something else of the first writes than the others do. */
function straying(): Plants {
  // Counted over all seeds: in some of them a crash makes good what it did.
  let lives = 0;
  return {
    createStateMachine: () => {
      const real = new StateMachine();
      if (lives++ % 7 !== 0) return real;
      return {
        begin: (tables) => {
          const transaction = real.begin(tables);
          return {
            finish: () => transaction.finish(),
            apply: (entry) => {
              if (entry.kind !== 'command' || entry.index > 20) return transaction.apply(entry);
              const data = decodeEntryData(entry.data);
              const reason = Uint8Array.of(65);
              const commands = data.commands.map((bytes) => encodeCommand({ ...decodeCommand(bytes), reason }));
              return transaction.apply({ ...entry, data: encodeEntryData({ ...data, commands }) });
            },
          };
        },
      };
    },
  };
}

/** Remembers, and looks at nothing of it. */
class Careless extends DiskMemory {
  override refuse(): null {
    return null;
  }
}

/** Takes no note of what a disk claims: as if nobody looked at older disks at all. */
class Forgetful extends DiskMemory {
  override claimed(): void {}
}

/** Measures a process by what it claimed itself, too. */
class Hasty extends DiskMemory {
  override refuse(hello: Parameters<DiskMemory['refuse']>[0]): ReturnType<DiskMemory['refuse']> {
    return super.refuse({ ...hello, startNonce: -1 });
  }
}

const seedsMax = 400;

describe('each planted bug is found', () => {
  // The rules that such a bug breaks; which of them is seen first depends on the seeds.
  const plants: readonly (readonly [string, readonly string[], () => Plants | Promise<Plants>])[] = [
    [
      'an entry of an old term is committed by counting',
      [
        'leader completeness',
        'state-machine safety',
        'a strong read is never stale',
        'what is committed is on the disks of a quorum',
      ],
      () => mutatedCore('old-term', 'replication.ts', ' && log.has(reached, member.term)', ''),
    ],
    [
      'a vote is not durable',
      ['one vote a term', 'election safety'],
      () => ({
        lies: { acknowledgesBeforeSync: false, forgetsVotes: true },
        createMemory: (remembered) => new Forgetful(remembered),
      }),
    ],
    [
      'a vote is not durable, and the others remember it',
      ['a member with its own newest disk is let in'],
      () => ({ lies: { acknowledgesBeforeSync: false, forgetsVotes: true } }),
    ],
    [
      'a write is acknowledged before its sync',
      ['what is committed is on the disks of a quorum'],
      () => ({ lies: { acknowledgesBeforeSync: true, forgetsVotes: false } }),
    ],
    ['a retry is applied twice', ['a write of a session happens once'], () => ({ createStateMachine: forgetful })],
    [
      'a read index is given without a quorum',
      ['a strong read is never stale'],
      () => mutatedCore('read-index', 'rounds.ts', 'reads.confirm(confirmed)', 'reads.confirm(reads.begun)'),
    ],
    [
      'an older disk is let in',
      ['a disk of which all others know more is refused'],
      () => ({ createMemory: (remembered) => new Careless(remembered) }),
    ],
    [
      'a member claims entries that may still go',
      ['a member with its own newest disk is let in'],
      () => ({
        claimOf: (replica, core) => {
          const { lastIndex } = core.status();
          return { ...replica.standing, entryTerm: core.termAt(lastIndex) ?? 0, entryIndex: lastIndex };
        },
      }),
    ],
    [
      'a process is measured by its own claims',
      ['a member with its own newest disk is let in'],
      () => ({ createMemory: (remembered) => new Hasty(remembered) }),
    ],
    ['a member applies an entry in another way', ['members that are equal raise no alarm'], straying],
  ];

  test.each(plants)(
    '%s',
    async (_name, rules, plant) => {
      const { failed } = runSeeds({ firstSeed: 1, plants: await plant(), goesOn: (runs) => runs < seedsMax });
      expect(rules).toContain(failed?.violation?.rule);
    },
    120_000,
  );
});
