import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkBackup } from '@env-cli/snapshot-file';
import {
  Cluster,
  type ClusterBackupResponse,
  type ClusterBackupResponseSchema,
  type ClusterBackupRequestSchema,
  Environments,
} from '@env-cli/wire';

import type { ApiOptions } from '../api.ts';
import { setting } from '../testing/operations.ts';
import { type CallFailed, Serving, TestClient, type TestStream } from '../testing/serving.ts';
import { TwinMember } from '../testing/twin-member.ts';

type Stream = TestStream<typeof ClusterBackupRequestSchema, typeof ClusterBackupResponseSchema>;

let dataDir: string;
let leader: TwinMember;
let serving: Serving;
let client: TestClient;

async function serve(options: Partial<ApiOptions> = {}, member: TwinMember = leader): Promise<void> {
  serving = await Serving.of(member, { dataDir, ...options });
  client = new TestClient(serving.address);
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'env-cli-backups-'));
  leader = TwinMember.alone();
});
afterEach(async () => {
  client.close();
  await serving.close();
  assert.equal(readdirSync(dataDir).join(), '');
  rmSync(dataDir, { recursive: true });
  assert.deepEqual(serving.faults, []);
});

function begin(): Stream {
  const stream = client.stream(Cluster, 'backup');
  stream.send({});
  stream.call.end();
  return stream;
}

async function rest(stream: Stream): Promise<ClusterBackupResponse[]> {
  const messages: ClusterBackupResponse[] = [];
  for (let next = await stream.next(); next !== null; next = await stream.next()) messages.push(next);
  return messages;
}

/** Writes so much that no buffer on the way to a client holds it. */
async function load(): Promise<void> {
  for (let i = 0; i < 8; i++) {
    const values = Object.fromEntries(['A', 'B', 'C', 'D'].map((name) => [name, name.repeat(250_000)]));
    await client.call(Environments, 'write', { operations: [setting(`big/${i}`, values)] });
  }
}

/** Why a backup did not begin. */
function reasonOf(stream: Stream): Promise<string> {
  return stream.next().then(
    () => 'begun',
    (error: CallFailed) => error.reason,
  );
}

/** Resolves once no copy lies in the data directory. */
async function copiesGone(): Promise<void> {
  const changes = watch(dataDir);
  try {
    while (readdirSync(dataDir).length > 0) await new Promise((resolve) => changes.once('change', resolve));
  } finally {
    changes.close();
  }
}

describe('a backup', () => {
  test('is the state of the member that is asked at one revision, in chunks of 256 KiB at most, with its checksum', async () => {
    await serve();
    await load();
    const messages = await rest(begin());
    const parts = messages.map(({ part }) => part);
    const chunks = parts.flatMap((part) => (part.case === 'chunk' ? [part.value] : []));
    const bytes = Buffer.concat(chunks);
    expect(parts.map((part) => part.case)).toEqual(['start', ...chunks.map(() => 'chunk'), 'end']);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(262_144);
    expect(parts[0]?.value).toMatchObject({
      clusterId: 'c1'.repeat(16),
      epoch: 1n,
      revision: 8n,
      sizeBytes: BigInt(bytes.length),
    });
    expect(parts.at(-1)?.value).toMatchObject({ sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) });
    expect(messages.map(({ header }) => header?.revision)).toEqual([8n, ...messages.slice(1).map(() => undefined)]);

    const path = join(dataDir, 'came');
    writeFileSync(path, bytes);
    expect(await checkBackup(path)).toMatchObject({ revision: 8, environments: 8, bytes: bytes.length, memberId: 1 });
    rmSync(path);
  });

  test('of a follower is as fresh as a strong read', async () => {
    await serve();
    await client.call(Environments, 'write', { operations: [setting('a', { A: '1' })] });
    const follower = leader.follower(2);
    await client.call(Environments, 'write', { operations: [setting('a', { A: '2' })] });
    client.close();
    await serving.close();
    await serve({}, follower);
    const stream = begin();
    setImmediate(() => follower.catchUp());
    const [first] = await rest(stream);
    expect(first?.part.value).toMatchObject({ revision: 2n });
  });
});

describe('a member bounds what backups cost it', () => {
  test('two at once, and then no more; one that has ended makes room', async () => {
    await serve();
    await load();
    const streams = [begin(), begin()];
    for (const stream of streams) {
      await stream.next();
      stream.call.pause();
    }
    expect(await reasonOf(begin())).toBe('TOO_MANY_BACKUPS');
    streams[0]!.call.resume();
    await rest(streams[0]!);
    expect(await reasonOf(streams[0]!)).toBe('begun');
    await rest(begin());
    streams[1]!.call.cancel();
    await copiesGone();
  });

  test('a client that goes away, and a member that stops, leave no copy behind', async () => {
    await serve();
    await load();
    const gone = begin();
    await gone.next();
    gone.call.pause();
    gone.call.cancel();
    await copiesGone();
    const cut = begin();
    await cut.next();
    cut.call.pause();
    serving.api.drain();
    await copiesGone();
    cut.call.resume();
    await expect(rest(cut)).rejects.toMatchObject({ reason: 'STOPPING' });
  });

  test('a client that takes nothing for too long is told so when it goes on, and its copy is gone before', async () => {
    await serve({ backupStallMs: 20 });
    await load();
    const stream = begin();
    await stream.next();
    stream.call.pause();
    await copiesGone();
    stream.call.resume();
    await expect(rest(stream)).rejects.toMatchObject({ reason: 'BACKUP_STALLED' });
    expect(await serving.api.backups.figures()).toMatchObject({ backup_streams: 0, 'backup_streams_total{outcome="failed"}': 1 });
  });

  test('a disk without room for a copy is not filled', async () => {
    await serve({ storageBytes: () => 2 ** 60 });
    await expect(rest(begin())).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'BACKUP_NO_ROOM' });
  });

  test('a copy that fails is told, and another member may do better', async () => {
    await serve({ dataDir: join(dataDir, 'gone'), storageBytes: () => 0 });
    await expect(rest(begin())).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'BACKUP_FAILED' });
  });
});
