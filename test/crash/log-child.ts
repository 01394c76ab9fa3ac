// A process that writes a log without end: with marks for what it asked and what was acknowledged.
import { openSync, writeSync } from 'node:fs';
import { LogFile } from '@env-cli/log-file';
import { logOpening } from './log-opening.ts';
import { logStory } from './log-story.ts';
import { UnderWay } from './under-way.ts';

const [directory = '', marks = '', seed = '0', count = '0'] = process.argv.slice(2);

/** Requests that wait for the disk at a time. */
const underWayMax = 6;

const log = await LogFile.open({
  ...logOpening(directory),
  onFailure: (failure) => {
    throw failure;
  },
});
// `-` is its output: not `process.stdout`, whose writes a kill may leave behind.
const file = marks === '-' ? 1 : openSync(marks, 'a');
const mark = (text: string) => writeSync(file, `${text}\n`);
const underWay = new UnderWay();

mark('opened');
for (const [at, request] of logStory(Number(seed), Number(count)).requests.entries()) {
  if (request.kind === 'release') await underWay.atMost(0);
  mark(`asked ${at + 1}`);
  const stored = () => {
    mark(`stored ${at + 1}`);
    underWay.end();
  };
  switch (request.kind) {
    case 'append':
      underWay.begin();
      log.append(request, stored);
      break;
    case 'reset':
      underWay.begin();
      log.reset(request.index, request.term, stored);
      break;
    case 'release':
      log.release(request.upTo);
      break;
  }
  await underWay.atMost(underWayMax);
}
await log.close();
