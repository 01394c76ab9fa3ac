import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { connect } from '@env-cli/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { pathOf, python } from '../clients/tools.ts';
import { LocalCluster, type MemberProcess } from '../support/cluster.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Null: it is no finite number. */
  readonly value: number | null;
}

/** A metric as Prometheus' own parser for Python has it: the name of a counter without its `_total`. */
interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The table of docs/metrics.md, which is made from the code. */
interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const rows: Row[] = readFileSync('docs/metrics.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `env_cli_'))
  .map((line) => {
    const [name = '', type = '', , labels = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    return { name: name.replaceAll('`', ''), type, labels: [...labels.matchAll(/`(\w+)`:/g)].map(([, label]) => label!) };
  });

const tool = pathOf(python());

async function textOf(member: MemberProcess): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${member.metricsPort}/metrics`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version=0\.0\.4/),
  ]);
  return answer.text();
}

/** What comes from prom-client about the process and Node.js. */
const runtime = /^env_cli_(process|nodejs)_/;

(tool === null ? describe.skip : describe)('/metrics, as Prometheus reads it', () => {
  let cluster: LocalCluster;
  let byMember: ReadonlyMap<number, readonly Family[]>;
  let leader: number;

  const familiesOf = async (member: MemberProcess): Promise<readonly Family[]> => {
    const { stdout, stderr } = spawnSync(tool!, ['test/metrics/parse.py'], { input: await textOf(member), encoding: 'utf8' });
    expect(stderr).toBe('');
    return JSON.parse(stdout) as Family[];
  };
  const ofLeader = (name: string): readonly Sample[] => {
    const family = byMember.get(leader)!.find((found) => found.name === name.replace(/_total$/, ''));
    return family?.samples ?? [];
  };
  const valueOf = (name: string, labels: Readonly<Record<string, string>> = {}): number | null | undefined =>
    ofLeader(name).find(
      (sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value;

  beforeAll(async () => {
    cluster = await LocalCluster.start();
    const client = await connect(cluster.addresses);
    await client.mirrors.create({
      name: 'files',
      target: { provider: 'file', directory: join(cluster.directory, 'files'), format: 'dotenv' },
    });
    await client.environments.create('a', { variables: { A: '1' } });
    await client.environments.create('b', { variables: { A: { value: 'a secret', secret: true } } });
    await client.mirrors.wait();
    // Half of it cannot stand in a dotenv file: a dead letter.
    await client.environments.create('c', { variables: { A: '\r' } });
    // What the leader reports of it is applied everywhere a little later.
    for (const member of cluster.members) while (!/^env_cli_outbox_dead_letters 1$/m.test(await textOf(member)));
    byMember = new Map(await Promise.all(cluster.members.map(async (member) => [member.id, await familiesOf(member)] as const)));
    leader = [...byMember].find(
      ([, families]) => families.find(({ name }) => name === 'env_cli_raft_is_leader')!.samples[0]!.value === 1,
    )![0];
    await client.close();
  }, 120_000);
  afterAll(() => cluster.close());

  test('every member tells the table of docs/metrics.md and nothing else, each once, with HELP and its TYPE', () => {
    const documented = rows.map(({ name, type }) => ({ name: name.replace(/_total$/, ''), type })).toSorted(byName);
    for (const families of byMember.values()) {
      const told = families.filter(({ name }) => !runtime.test(name)).map(({ name, type }) => ({ name, type }));
      expect(told.toSorted(byName)).toEqual(documented);
      expect(families.filter(({ help, type }) => help === '' || type === 'unknown')).toEqual([]);
    }
  });

  test('names follow the conventions: counters end with _total and nothing else does, units are seconds and bytes', () => {
    for (const { name, type } of rows) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).toMatch(/^env_cli_[a-z0-9]+(_[a-z0-9]+)*$/);
      expect(name).not.toMatch(/_(ms|millis\w*|us|minutes|hours|kb|mb|kib|mib|percent|count|sum|bucket)(_|$)/);
    }
  });

  test('labels are those of the table, and few enough', () => {
    const labelsOf = new Map(rows.map(({ name, labels }) => [name.replace(/_total$/, ''), labels]));
    for (const families of byMember.values()) {
      for (const { name, samples } of families.filter((family) => !runtime.test(family.name))) {
        const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== 'le'));
        expect([name, [...labels].filter((label) => !labelsOf.get(name)!.includes(label))]).toEqual([name, []]);
        expect(samples.length).toBeLessThan(500);
        expect(samples.filter(({ value }) => value === null)).toEqual([]);
      }
    }
    expect(JSON.stringify([...byMember])).not.toContain('a secret');
  });

  test('the figures are those of what was done', () => {
    expect(valueOf('env_cli_revision')).toBe(3);
    expect(valueOf('env_cli_compacted_revision')).toBe(0);
    expect(valueOf('env_cli_outbox_dead_letters')).toBe(1);
    expect(valueOf('env_cli_sync_operations_total', { provider: 'file', outcome: 'failed' })).toBe(1);
    expect(valueOf('env_cli_storage_usage_bytes')).toBeGreaterThan(4_096);
    expect(valueOf('env_cli_watches')).toBe(0);
    expect(valueOf('env_cli_watch_lag_revisions')).toBe(0);
    expect(valueOf('env_cli_snapshot_sent_bytes_total')).toBe(0);
    expect(valueOf('env_cli_log_sync_seconds_total')).toBeGreaterThan(0);
    expect(valueOf('env_cli_apply_transactions_seconds_total')).toBeGreaterThan(0);
    const seals = [...byMember.values()].map(
      (families) => families.find(({ name }) => name === 'env_cli_secrets_seals')!.samples[0]!.value,
    );
    expect(seals.filter((made) => made !== 0)).toEqual([1]);
    expect(valueOf('env_cli_secrets_newest_data_key')).toBe(1);
    expect(valueOf('env_cli_secrets_seals_left')).toBeGreaterThan(2 ** 31);
    // Without TLS there is no certificate that could end.
    expect(ofLeader('env_cli_tls_certificate_end_timestamp_seconds')).toEqual([]);
    const refused = ['no-leader', 'too-busy', 'deadline-exceeded', 'outcome-unknown', 'stopping'];
    const failed = ofLeader('env_cli_api_proposals_failed_total');
    expect(failed.map(({ labels }) => labels['reason']).toSorted()).toEqual(refused.toSorted());
    const created = { method: 'Mirrors/Create', code: 'OK' };
    for (const name of ['env_cli_api_requests_total', 'env_cli_api_request_duration_seconds_count']) {
      const samples = [...byMember.values()].flatMap((families) => families.flatMap((family) => family.samples));
      const counts = samples.filter((sample) => sample.name === name && sample.labels['method'] === created.method);
      expect(counts).toEqual([{ name, labels: created, value: 1 }]);
    }
  });

  test('the leader measures the round trip to each other member, and who does not lead measures none', () => {
    const counts = ofLeader('env_cli_peer_round_trip_seconds').filter(({ name }) => name.endsWith('_count'));
    const others = cluster.members.map(({ id }) => String(id)).filter((id) => id !== String(leader));
    expect(counts.map(({ labels }) => labels['peer']).toSorted()).toEqual(others);
    for (const { labels, value } of counts) {
      expect(value).toBeGreaterThan(0);
      const trips = ofLeader('env_cli_peer_round_trip_seconds').filter((sample) => sample.labels['peer'] === labels['peer']);
      expect(trips.find((sample) => sample.labels['le'] === '+Inf')!.value).toBe(value);
      expect(trips.find(({ name }) => name.endsWith('_sum'))!.value! / value!).toBeLessThan(2.5);
    }
    // Who led before keeps what it measured then.
    const neverLed = [...byMember.values()].filter(
      (families) => families.find(({ name }) => name === 'env_cli_raft_leader_changes')!.samples[0]!.value === 0,
    );
    expect(
      neverLed.flatMap((families) => families.find(({ name }) => name === 'env_cli_peer_round_trip_seconds')!.samples),
    ).toEqual([]);
  });
});

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
