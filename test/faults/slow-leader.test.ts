import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Client, connect } from '@env-cli/client';

import { describeWhere } from '../support/capability.ts';
import { LocalCluster } from '../support/cluster.ts';
import { FaultyDisk, faultyMissing } from './faulty.ts';
import { blockThread, inspectorAddress } from './inspector.ts';

/** More than half an election timeout (1 s), and less than one: nobody else finds out. */
const slowMs = 700;
const waitMsMax = 60_000;

describeWhere('a leader that is slow for longer than it may be', faultyMissing(), () => {
  let cluster: LocalCluster;
  let client: Client;
  const disks = new Map<number, FaultyDisk>();
  /** Who leads: right after the lead has moved nobody may be known to. */
  const leaderId = async (): Promise<number> => {
    for (;;) {
      const { leaderId: known } = await client.cluster.status({ timeoutMs: waitMsMax });
      if (known !== 0) return known;
      await cluster.ready(waitMsMax);
    }
  };
  /** Who has said so, of all members. */
  const whoSaid = (words: RegExp): number | undefined => cluster.members.find(({ log }) => words.test(log))?.id;

  beforeAll(async () => {
    cluster = await LocalCluster.create({
      flags: ['--heartbeat-interval=100ms', '--election-ticks=10', '--slow-leader-timeout=2s'],
      nodeFlags: () => ['--inspect=127.0.0.1:0'],
      memberEnv: (id) => disks.get(id)?.env ?? {},
    });
    const directory = join(cluster.directory, 'faulty');
    mkdirSync(directory);
    for (const { id } of cluster.members) disks.set(id, new FaultyDisk(directory, `member-${id}`));
    for (const { id } of cluster.members) cluster.startMember(id);
    await cluster.ready();
    client = await connect(cluster.addresses);
  }, 120_000);
  afterAll(async () => {
    await client?.close();
    await cluster?.close();
  }, 60_000);

  test('because its thread is blocked, again and again, hands the lead over', async () => {
    const late = /has had a thread that is late for \d+ ms.*: it hands the lead over/;
    while (whoSaid(late) === undefined) {
      const address = inspectorAddress(cluster.member(await leaderId()).log);
      await blockThread(address!, 'consensus-worker', slowMs);
    }
    const former = whoSaid(late)!;
    await client.environments.set('a', { V: '1' }, { createIfAbsent: true, timeoutMs: waitMsMax });
    expect(await leaderId()).not.toBe(former);
  }, 120_000);

  test('because its disk is, hands the lead over, and every write that was acknowledged is there', async () => {
    const slow = /has waited for its disk for \d+ ms.*: it hands the lead over/;
    let writes = 0;
    while (whoSaid(slow) === undefined) {
      const id = await leaderId();
      for (const [other, disk] of disks) {
        if (other === id) disk.arm({ calls: ['sync'], pattern: '*/log/*', action: 'slow', delayMicros: slowMs * 1000 });
        else disk.disarm();
      }
      await client.environments.set('b', { V: String(++writes) }, { createIfAbsent: true, timeoutMs: waitMsMax });
    }
    const former = whoSaid(slow)!;
    await client.environments.set('b', { V: String(++writes) }, { timeoutMs: waitMsMax });
    expect(await leaderId()).not.toBe(former);
    expect((await client.environments.get('b')).environment.variables.find(({ name }) => name === 'V')?.value).toBe(
      String(writes),
    );
  }, 120_000);
});
