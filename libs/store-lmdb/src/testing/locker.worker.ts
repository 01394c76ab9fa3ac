// Takes a data directory and keeps it until it is killed: node locker.worker.ts <data directory>. A thread, too.
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

import { DataDirectory } from '../data-directory.ts';
import { DataDirectoryRefused } from '../refusal.ts';

try {
  DataDirectory.open(process.argv[2] ?? '', { bootstrapped: false });
  say('taken');
  process.stdin.resume();
} catch (error) {
  say(error instanceof DataDirectoryRefused ? error.code : String(error));
}

function say(text: string): void {
  if (parentPort === null) writeSync(1, `${text}\n`);
  else parentPort.postMessage(text);
}
