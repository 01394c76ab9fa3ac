import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, test } from '@jest/globals';
import { Environments } from '@env-cli/wire';

import { TestClient } from '../testing/serving.ts';
import type { MemoryReport } from '../testing/stopped-reader.ts';

const events = 50_000;
const allowedBytes = 16 * 1024 * 1024;

function serve(): ChildProcess {
  const script = fileURLToPath(new URL('../testing/stopped-reader.ts', import.meta.url));
  return fork(script, { execArgv: ['--expose-gc', '--conditions=@env-cli/source', '--disable-warning=ExperimentalWarning'] });
}

/** What the process holds after so many events, with a reader that has stopped or without any. */
async function measure(withReader: boolean): Promise<MemoryReport> {
  const child = serve();
  const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }];
  const client = new TestClient(`127.0.0.1:${port}`);
  if (withReader) {
    const watch = client.stream(Environments, 'watch');
    watch.send({ watchId: 1n, action: { case: 'start', value: { scope: { case: 'prefix', value: '' } } } });
    await watch.next();
    watch.call.pause();
  }
  child.send({ write: events });
  const [report] = (await once(child, 'message')) as [MemoryReport];
  client.close();
  child.kill();
  await once(child, 'exit');
  return report;
}

test('a reader that has stopped costs less than 16 MiB, whatever happens meanwhile', async () => {
  const control = await measure(false);
  const stopped = await measure(true);
  expect([control.watches, stopped.watches, control.revision, stopped.revision]).toEqual([0, 1, events, events]);
  expect(stopped.bytes - control.bytes).toBeLessThan(allowedBytes);
}, 120_000);
