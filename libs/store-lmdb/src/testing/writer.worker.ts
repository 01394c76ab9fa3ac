// A process that applies entries until it is killed: node writer.worker.ts <data directory>.
// It says on its output what it may be held to: `opened n`, `applied n`, `checkpointed n`, `failed code`.
import { writeSync } from 'node:fs';

import type { Store } from '../store.ts';
import { applyEntry, openTestState } from './fixture.ts';

const store = await openTestState(process.argv[2] ?? '', { onFailure: (failure) => say(`failed ${failure.code}`) });
let index = store.opened.appliedIndex;
say(`opened ${index}`);

try {
  await run(store);
} catch (error) {
  say(`stopped ${String(error)}`);
  await store.abandon();
}

async function run(to: Store): Promise<void> {
  for (let turn = 0; ; turn++) {
    for (let i = 0; i < 5; i++) {
      index++;
      to.transact((tables) => applyEntry(tables, index));
    }
    say(`applied ${index}`);
    if (to.checkpointDue(turn * 100)) to.checkpoint(turn * 100, (appliedIndex) => say(`checkpointed ${appliedIndex}`));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Synchronous: what was said before a `kill -9` was said. */
function say(text: string): void {
  writeSync(1, `${text}\n`);
}
