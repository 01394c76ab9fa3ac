import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { encodeEntryData } from '@env-cli/environments';
import { MemoryTables, type Tables } from '@env-cli/keyspace';
import type { Entry, Index, Term } from '@env-cli/raft';

import { ApplyLoop } from './apply-loop.ts';
import type { AppliedBatch } from './ports.ts';
import { countingCommand, countingMachine, readState, stateKey } from './testing/counting-machine.ts';

const own = { member: 1, startNonce: 10 };

/** An entry of so many commands of this member. */
function entry(index: number, commands = 1, requester = own): Entry {
  const data = encodeEntryData({
    stampMs: 0,
    deltaMs: 0,
    commands: Array.from({ length: commands }, (_, place) => countingCommand({ ...requester, counter: index * 1000 + place })),
  });
  return { index: index as Index, term: 3 as Term, kind: 'command', data };
}

let tables: MemoryTables;
let batches: AppliedBatch[];
let checkpoints: number[];
let nowMs: number;
/** Milliseconds that each transaction's entry takes. */
let entryMs: number;
let checkpointDue: boolean;

beforeEach(() => {
  tables = new MemoryTables();
  batches = [];
  checkpoints = [];
  nowMs = 0;
  entryMs = 0;
  checkpointDue = false;
});

function loopOn(store: MemoryTables, transact = (work: (tables: Tables) => void): void => work(store)): ApplyLoop {
  const { index } = readState(store.get('meta', stateKey));
  return new ApplyLoop(
    { memberId: own.member, startNonce: own.startNonce, appliedIndex: index },
    {
      store: {
        transact,
        checkpointDue: () => checkpointDue,
        checkpoint: (_nowMs, done) => {
          checkpointDue = false;
          checkpoints.push(readState(store.get('meta', stateKey)).index);
          done(checkpoints.at(-1)!);
        },
      },
      machine: {
        begin: (inner) => {
          const transaction = countingMachine.begin(inner);
          return {
            apply: (each) => {
              nowMs += entryMs;
              return transaction.apply(each);
            },
            finish: () => transaction.finish(),
          };
        },
      },
      observer: { applied: (batch) => batches.push(batch), checkpointed: () => undefined, backgroundDue: () => undefined },
      clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
      wake: () => undefined,
    },
  );
}

function drain(loop: ApplyLoop): void {
  while (!loop.idle) loop.turn();
}

describe('entries go into the state', () => {
  test('in transactions of 256 commands, or a little more when an entry straddles it', () => {
    const loop = loopOn(tables);
    loop.apply([entry(1, 200), entry(2, 100), entry(3, 256), entry(4, 1)]);
    drain(loop);
    expect(batches.map(({ index }) => index)).toEqual([2, 3, 4]);
    expect(batches.map(({ revision }) => revision)).toEqual([300, 556, 557]);
  });

  test('in transactions of 2 ms, one entry at least', () => {
    entryMs = 1.5;
    const loop = loopOn(tables);
    loop.apply([1, 2, 3, 4, 5].map((index) => entry(index)));
    drain(loop);
    expect(batches.map(({ index }) => index)).toEqual([2, 4, 5]);
  });

  test('and the results of this start of this member are told, with the index of their entry', () => {
    const loop = loopOn(tables);
    const former = entry(2, 1, { member: 1, startNonce: 9 });
    loop.apply([entry(1, 2), former, entry(3, 1, { member: 2, startNonce: 10 }), entry(4)]);
    drain(loop);
    const told = batches.flatMap(({ results }) => results);
    expect(told.map(({ counter, index }) => [counter, index])).toEqual([
      [1000, 1],
      [1001, 1],
      [4000, 4],
    ]);
  });

  test('each once: a gap or a repetition is a broken invariant', () => {
    const loop = loopOn(tables);
    loop.apply([entry(1), entry(3)]);
    expect(() => drain(loop)).toThrow(/in order, each once/);
  });
});

test('what is applied is let go of, also under a load that never lets the loop come to rest', async () => {
  const collect = garbageCollector();
  entryMs = 3;
  const loop = loopOn(tables);
  loop.apply([entry(1)]);
  const applied: WeakRef<Entry>[] = [];
  for (let index = 2; index <= 200; index++) {
    const next = entry(index);
    applied.push(new WeakRef(next));
    loop.apply([next]);
    loop.turn();
    expect(loop.idle).toBe(false);
  }
  // An object that a WeakRef was made of, or asked for, lives on to the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(applied.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(10);
});

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe('a transaction that fails', () => {
  test('leaves nothing behind, and tells nothing: the state goes on from where it was after a start', () => {
    const loop = loopOn(tables, (work) => {
      const copy = tables.clone();
      work(copy);
      if (readState(copy.get('meta', stateKey)).index > 2) throw new Error('the disk is full');
      tables = copy;
    });
    entryMs = 3;
    loop.apply([entry(1), entry(2), entry(3)]);
    expect(() => drain(loop)).toThrow('the disk is full');
    expect(batches.map(({ index }) => index)).toEqual([1, 2]);

    const reborn = loopOn(tables);
    expect(reborn.appliedIndex).toBe(2);
    reborn.apply([entry(3)]);
    drain(reborn);
    expect(readState(tables.get('meta', stateKey)).revision).toBe(3);
  });
});

test('a checkpoint is made between two transactions, also when nothing is applied', () => {
  const loop = loopOn(tables);
  loop.apply([entry(1), entry(2, 256), entry(3)]);
  checkpointDue = true;
  drain(loop);
  expect(checkpoints).toEqual([2]);
  checkpointDue = true;
  loop.turn();
  expect(checkpoints).toEqual([2, 3]);
});
