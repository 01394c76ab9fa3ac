// Starts members from images, one after another, and says what is wrong with each. It may well die of one.
import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Promises } from './acknowledged.ts';
import { CounterModel } from './counter-model.ts';
import { entriesOf, MemberUnderTest, voteOf } from './member-under-test.ts';
import type { Way } from './state-under-test.ts';

/** One image, as a line of JSON. */
export interface Case {
  readonly way: Way;
  readonly path: string;
  readonly promises: Promises;
}

const model = new CounterModel();
const [marks] = process.argv.slice(2);
const file = marks === undefined ? null : openSync(marks, 'a');
const mark = (text: string): void => {
  if (file !== null) writeSync(file, `${text}\n`);
};

for await (const line of createInterface({ input: process.stdin })) {
  const one = JSON.parse(line) as Case;
  mark(`image ${one.path}`);
  const wrong = await whatIsWrong(one).catch((error: unknown) => String(error));
  process.stdout.write(`${JSON.stringify({ path: one.path, wrong })}\n`);
}

async function whatIsWrong({ way, path, promises }: Case): Promise<string | null> {
  const member = await MemberUnderTest.open(way, path, promises.ready, mark);
  try {
    return await check(member, promises);
  } finally {
    // As after a failure: then the next start has something to undo.
    await member.close(false);
  }
}

async function check(member: MemberUnderTest, promises: Promises): Promise<string | null> {
  const { committed, applied, vote } = promises;
  const { hardState } = member.log.contents;
  const kept = hardState.term > vote.term || (hardState.term === vote.term && (hardState.votedFor ?? 0) === vote.votedFor);
  if (!kept) return `the vote is ${JSON.stringify(hardState)}, not ${JSON.stringify(vote)}`;
  await member.recover(promises);
  const recovered = member.applied;
  if (recovered < applied) return `applied up to ${recovered}, acknowledged up to ${applied}`;
  const difference = member.state.snapshot((tables) => model.differenceFrom(tables, committed, recovered));
  if (difference !== null) return `after recovery: ${difference}`;

  // And it goes on.
  const term = Math.max(hardState.term, ...committed.map((run) => run.term)) + 1;
  const added = { from: recovered + 1, to: recovered + 30, term };
  for (let from = added.from; from <= added.to; from += 3) {
    await member.write(entriesOf(from, from + 2, term, 50), from === added.from ? voteOf(term, 2) : null, true);
    if (from === added.from + 15) {
      await member.settle();
      await member.sync();
    }
  }
  await member.settle();
  const runs = [
    ...committed.filter(({ from }) => from <= recovered).map((run) => ({ ...run, to: Math.min(run.to, recovered) })),
    added,
  ];
  const later = member.state.snapshot((tables) => model.differenceFrom(tables, runs, added.to));
  return later === null ? null : `after further writes: ${later}`;
}
