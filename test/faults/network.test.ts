import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { describeWhere } from '../support/capability.ts';
import { freePorts } from '../../apps/server/src/testing/free-ports.ts';
import { Random } from '../support/random.ts';
import { Namespaces, namespacesMissing } from './namespaces.ts';
import { allWays, between, type FaultyNetwork, way } from './network.ts';
import { Proxies, proxiesMissing } from './proxies.ts';

const ids = [1, 2, 3];
/** A packet that was lost several times over is sent again after as many seconds. */
const arriveMsMax = 20_000;

/** A process in one place of a network. */
class Place {
  readonly said: string[] = [];
  readonly #child: ChildProcess;
  readonly #waiting: { readonly line: string; readonly resolve: () => void }[] = [];

  constructor(network: FaultyNetwork, id: number, listen: string) {
    const args = [process.execPath, join(import.meta.dirname, 'network-child.ts'), listen];
    const [program = '', ...rest] = [...network.launcherOf(id), ...args];
    this.#child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } });
    network.started(id, this.#child.pid!);
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.said.push(line);
      for (const one of this.#waiting) if (one.line === line) one.resolve();
    });
  }

  send(address: string, text: string): void {
    this.#child.stdin!.write(`${address} ${text}\n`);
  }

  async says(line: string): Promise<void> {
    if (this.said.includes(line)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`"${line}" was not said; but: ${this.said.join(', ')}`)), arriveMsMax);
      this.#waiting.push({
        line,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** `delays`: whether it can delay as well. */
function testNetwork(make: () => FaultyNetwork, delays: boolean): void {
  let network: FaultyNetwork;
  const places = new Map<number, Place>();
  const addresses = new Map<number, string>();
  const at = (id: number): Place => places.get(id)!;
  const send = (from: number, to: number, text: string): void => at(from).send(addresses.get(to)!, text);
  /** Whatever had gone this way before would be there now, for this went round by the third place. */
  const detour = async (from: number, to: number, text: string): Promise<void> => {
    const third = ids.find((id) => id !== from && id !== to)!;
    send(from, third, text);
    await at(third).says(`heard ${text}`);
    send(third, to, `${text}-on`);
    await at(to).says(`heard ${text}-on`);
  };

  beforeAll(async () => {
    network = make();
    const ports = await freePorts(ids.length);
    for (const id of ids) {
      const listen = `${network.hostOf(id)}:${ports[id - 1]}`;
      addresses.set(id, await network.reachedBy(id, listen));
      places.set(id, new Place(network, id, listen));
      await at(id).says('ready');
    }
    for (const { from, to } of allWays(ids)) {
      send(from, to, `hello-${from}`);
      await at(from).says(`answered hello-${from}`);
    }
  }, 60_000);
  afterAll(async () => {
    await Promise.all([...places.values()].map((place) => place.stop()));
    await network.close();
  });

  test('what is sent on a way that is cut does not arrive, on any other way it does, and it arrives once the way is whole', async () => {
    await network.set([{ kind: 'cut', ways: between([1], [2]) }]);
    send(1, 2, 'a');
    send(2, 1, 'b');
    await detour(1, 2, 'c');
    await detour(2, 1, 'd');
    expect(at(2).said).not.toContain('heard a');
    expect(at(1).said).not.toContain('heard b');
    await network.set([]);
    await at(1).says('answered a');
    await at(2).says('answered b');
  }, 60_000);

  test('a way can be cut in one direction: what goes the other way arrives, and its answer does not', async () => {
    await network.set([{ kind: 'cut', ways: [way(2, 1)] }]);
    send(1, 2, 'e');
    await at(2).says('heard e');
    await detour(2, 1, 'f');
    expect(at(1).said).not.toContain('answered e');
    await network.set([]);
    await at(1).says('answered e');
  }, 60_000);

  test('with a third of all packets lost, everything arrives in order', async () => {
    await network.set([{ kind: 'loss', ways: allWays(ids), lossPercent: 33 }]);
    const texts = Array.from({ length: 20 }, (_, i) => `g${i}`);
    for (const text of texts) send(1, 3, text);
    await at(1).says('answered g19');
    expect(at(3).said.filter((line) => line.startsWith('heard g'))).toEqual(texts.map((text) => `heard ${text}`));
    await network.set([]);
  }, 60_000);

  if (!delays) return;
  test('a delay holds up both directions, and is over when it is taken away', async () => {
    await network.set([{ kind: 'delay', ways: between([2], [3]), delayMs: 150 }]);
    const beganMs = performance.now();
    send(2, 3, 'h');
    await at(2).says('answered h');
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(299);
    await network.set([]);
    send(2, 3, 'i');
    await at(2).says('answered i');
  });
}

describeWhere('a network of namespaces', namespacesMissing(), () => testNetwork(() => new Namespaces(ids), false));

describeWhere('a network of proxies', proxiesMissing(), () => {
  const random = new Random(1);
  testNetwork(() => new Proxies(() => random.fraction()), true);
});
