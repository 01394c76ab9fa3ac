// A member under load, with marks for what it acknowledges. Its disk is recorded.
import { mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { installSnapshot, newSpoolPath, openState, spool } from '@env-cli/store-lmdb';
import { applyEntry, positionOf } from './counter-machine.ts';
import { logOpening } from './log-opening.ts';
import { entriesOf, MemberUnderTest, voteOf } from './member-under-test.ts';
import { Random } from './random.ts';
import type { Way } from './state-under-test.ts';

const [way = '', directory = '', marks = '', seed = '0', writes = '0', donor = ''] = process.argv.slice(2);

const random = new Random(Number(seed));
const file = openSync(marks, 'a');
const mark = (text: string): void => {
  writeSync(file, `${text}\n`);
};

/** The committed entries so far, for the state that another member would have. */
const terms: number[] = [0];
let term = 1;
let member = await MemberUnderTest.open(way as Way, directory, false, mark);
mark('ready');
for (let write = 1; write <= Number(writes); write++) {
  const from = terms.length;
  const entries = entriesOf(from, from + random.below(8), term, random.below(400));
  // Some are never committed: the next ones, of a later term, take their place.
  const committed = random.chance(0.9);
  await member.write(entries, random.chance(0.1) ? voteOf(term, term % 4) : null, committed);
  if (committed) for (const entry of entries) terms[entry.index] = entry.term;
  else term++;
  if (way === 'checkpoint' && write === Math.floor(Number(writes) * 0.6)) await install();
}
await member.close(random.chance(0.5));

/** A snapshot comes from a member that is ahead, and becomes the state. */
async function install(): Promise<void> {
  await member.settle();
  const from = terms.length;
  const to = from + 40;
  term++;
  mark(`commit ${from} ${to} ${term}`);
  for (let at = from; at <= to; at++) terms[at] = term;
  const received = newSpoolPath(directory);
  const { identity } = logOpening(directory);
  const options = { owner: identity, readPosition: positionOf };
  mkdirSync(donor, { mode: 0o700 });
  const other = await openState(donor, options);
  other.transact((tables) => {
    for (let at = 1; at <= to; at++) applyEntry(tables, at, terms[at]!);
  });
  const pin = other.pin();
  await spool(received, pin.tables, { clusterId: identity.clusterId, position: positionOf(pin.tables), backup: null });
  pin.release();
  await other.abandon();
  rmSync(donor, { recursive: true });

  const position = await installSnapshot(directory, received, options);
  await new Promise<void>((resolve) => {
    member.log.reset(position.appliedIndex as never, position.appliedTerm as never, resolve);
  });
  mark(`applied ${position.appliedIndex}`);
  await member.close(false);
  member = await MemberUnderTest.open(way as Way, directory, true, mark);
}
