import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { type ChannelCredentials, credentials, type Server } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Index, MemberId, PeerMessage, Term } from '@env-cli/raft';
import {
  type Forward,
  type ForwardAnswer,
  type Hello,
  type HelloRefusal,
  type Introduction,
  noStanding,
  protocolRange,
  refuseHello,
  type Standing,
} from '@env-cli/replica';

import { DialedStream } from './dialed-stream.ts';
import { GrpcPeers, type PeersHost } from './grpc-peers.ts';
import { noSecurity, type PeerSecurity } from './security.ts';
import { dialClient, frameBytesMax, peersService } from './service.ts';
import { decodeHello, encodeHello } from './hello-bytes.ts';
import { fetchSnapshot } from './snapshot-fetching.ts';
import { decodePart, encodeReply, type SnapshotOffer, type SnapshotPart, type SnapshotReply } from './snapshot-bytes.ts';
import type { LentSnapshot } from './snapshot-serving.ts';

function id(name: number): Uint8Array {
  return new Uint8Array(16).fill(name);
}

/** A member that notes what it is told. */
class Host implements PeersHost {
  readonly messages: [number, PeerMessage][] = [];
  readonly forwards: [number, Forward][] = [];
  readonly answers: [number, ForwardAnswer][] = [];
  readonly acquaintances: number[] = [];
  readonly refusals: HelloRefusal[] = [];
  readonly reports: string[] = [];
  readonly lost: number[] = [];
  readonly unanswered: number[] = [];
  readonly chunks: Uint8Array[] = [];
  snapshotProblem: string | null = null;
  readonly wanted: Index[] = [];
  lent: LentSnapshot | null = null;
  ownStanding = noStanding;
  readonly begunBy: number[] = [];
  readonly introductions: Introduction[] = [];
  known = [1, 2];
  /** Whether whoever introduces itself is let in. */
  admits = false;
  readonly admitted: number[] = [];
  readonly standings: [number, Standing][] = [];
  clusterId = id(7);
  protocolMax: number = protocolRange.max;
  readonly memberId: number;

  constructor(memberId: number) {
    this.memberId = memberId;
  }

  hello(toMemberId: number): Hello {
    return {
      formingId: id(6),
      clusterId: this.clusterId,
      epoch: 1,
      memberId: this.memberId,
      diskId: id(this.memberId),
      toMemberId,
      protocolMin: protocolRange.min,
      protocolMax: this.protocolMax,
      featureLevel: 1,
      apiAddress: `api${this.memberId}:1`,
      founderDiskId: null,
      startNonce: this.memberId,
      found: noStanding,
    };
  }

  admit(hello: Hello, introduction: Introduction): void {
    this.introductions.push(introduction);
    if (this.admits) this.admitted.push(hello.memberId);
  }

  refuse(hello: Hello): HelloRefusal | null {
    return this.#refuse(hello, [...this.known, ...this.admitted]);
  }

  refuseUnnamed(hello: Hello): HelloRefusal | null {
    return this.#refuse(hello, this.known);
  }

  #refuse(hello: Hello, known: readonly number[]): HelloRefusal | null {
    const diskIds = new Map(known.map((memberId) => [memberId, id(memberId)]));
    return refuseHello(
      {
        formingId: id(6),
        clusterId: this.clusterId,
        epoch: 1,
        memberId: this.memberId,
        diskIds,
        memberIdLast: 0,
        initialMembers: [],
        featureLevel: 1,
      },
      hello,
    );
  }

  greet(hello: Hello): ReturnType<PeersHost['greet']> {
    const refusal = this.refuse(hello);
    return refusal === null ? { welcome: { hello: this.hello(hello.memberId), founding: id(5) } } : { refusal };
  }

  introduction(): Introduction {
    return { address: `127.0.0.1:${7000 + this.memberId}`, proof: new Uint8Array(32).fill(this.memberId) };
  }

  begun({ startNonce }: Hello): void {
    this.begunBy.push(startNonce);
  }

  standing(): Standing {
    return this.ownStanding;
  }

  stands({ startNonce }: Hello, standing: Standing): void {
    this.standings.push([startNonce, standing]);
  }

  received(from: MemberId, message: PeerMessage): void {
    this.messages.push([from, message]);
  }

  unreachable(to: MemberId): void {
    this.lost.push(to);
  }

  forwarded(from: MemberId, forward: Forward): void {
    this.forwards.push([from, forward]);
  }

  forwardAnswered(from: MemberId, answer: ForwardAnswer): void {
    this.answers.push([from, answer]);
  }

  forwardsBroken(to: MemberId): void {
    this.unanswered.push(to);
  }

  met(hello: Hello): void {
    this.acquaintances.push(hello.memberId);
  }

  refusedBy(_memberId: number, refusal: HelloRefusal): void {
    this.refusals.push(refusal);
  }

  report(message: string): void {
    this.reports.push(message);
  }

  snapshotOffered(
    _from: MemberId,
    _offer: SnapshotOffer,
  ): Promise<{ receivedBytes: number; append(bytes: Uint8Array): Promise<void> }> {
    const { chunks } = this;
    return Promise.resolve({
      get receivedBytes() {
        return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      },
      append: (bytes) => {
        chunks.push(bytes.slice());
        return Promise.resolve();
      },
    });
  }

  snapshotArrived(): Promise<string | null> {
    return Promise.resolve(this.snapshotProblem);
  }

  snapshotWanted(_from: MemberId, indexMin: Index): Promise<LentSnapshot> {
    this.wanted.push(indexMin);
    return this.lent === null ? Promise.reject(new Error('the state here ends before that')) : Promise.resolve(this.lent);
  }
}

const heartbeat = (round: number): PeerMessage => ({ kind: 'heartbeat', term: 1 as Term, round, commit: 0 as Index });

let hosts: [Host, Host];
let peers: [GrpcPeers, GrpcPeers];

async function listen(host: Host): Promise<GrpcPeers> {
  return GrpcPeers.listen({ listen: { host: '127.0.0.1', port: 0 }, nowMs: () => performance.now(), random: () => 0.5 }, host);
}

async function eventually(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function acquaint(): void {
  peers[0].setMembers([{ memberId: 2, address: `127.0.0.1:${peers[1].port}` }]);
  peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
}

beforeEach(async () => {
  hosts = [new Host(1), new Host(2)];
  peers = [await listen(hosts[0]), await listen(hosts[1])];
});

afterEach(async () => {
  await Promise.all(peers.map((each) => each.close()));
});

/** Takes every caller for the holder of one certificate. */
function showing(caller: number | null): PeerSecurity {
  return { ...noSecurity, callerOf: () => caller };
}

describe('a member that shows a certificate', () => {
  const options = { listen: { host: '127.0.0.1', port: 0 }, nowMs: () => performance.now(), random: () => 0.5 };

  test.each([
    ['another member’s', 3, 'member 3'],
    ['no member’s', null, 'no member'],
  ])('%s is not let in, on no stream and by no hello', async (_whose, caller, shown) => {
    await peers[0].close();
    peers[0] = await GrpcPeers.listen({ ...options, security: showing(caller) }, hosts[0]);
    const address = `127.0.0.1:${peers[0].port}`;
    peers[1].setMembers([{ memberId: 1, address }]);
    await eventually(() => hosts[1].refusals.length > 0);
    const refusal = {
      code: 'other-certificate',
      message: expect.stringContaining(`it says that it is member 2, and shows the certificate of ${shown}`),
    };
    expect(hosts[1].refusals[0]).toEqual(refusal);
    expect(await peers[1].hello({ memberId: 1, address }, 5_000)).toEqual({ refusal });
    expect(peers[1].connected).toEqual([]);
    expect(hosts[0].begunBy).toEqual([]);
  });

  test('that is believed no more is left, on both streams that were dialed, and dialed anew', async () => {
    await Promise.all(peers.map((each) => each.close()));
    const dialed: ChannelCredentials[] = [];
    const guarded: Server[] = [];
    let doubtful: readonly ChannelCredentials[] = [];
    const security: PeerSecurity = {
      ...noSecurity,
      dial: () => {
        dialed.push(credentials.createInsecure());
        return dialed.at(-1)!;
      },
      guard: (server) => guarded.push(server),
      doubt: (made) => (doubtful.includes(made) ? 'its certificate has expired' : null),
    };
    peers = [await listen(hosts[0]), await GrpcPeers.listen({ ...options, security }, hosts[1])];
    expect(guarded).toHaveLength(1);
    peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
    await eventually(() => peers[1].connected.length === 1);
    expect(dialed).toHaveLength(2);
    doubtful = [...dialed];
    await eventually(() => dialed.length === 4 && peers[1].connected.length === 1);
    expect(hosts[1].lost).toEqual([1]);
    expect(hosts[1].reports).toContainEqual(expect.stringMatching(/^member 1 at .*: its certificate has expired$/));
  });

  test('of its own is let in', async () => {
    await peers[0].close();
    peers[0] = await GrpcPeers.listen({ ...options, security: showing(2) }, hosts[0]);
    peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
    await eventually(() => peers[1].connected.length === 1);
    expect(hosts[1].refusals).toEqual([]);
  });
});

describe('two members', () => {
  test('of different protocols exchange what both of them know', async () => {
    hosts[1].protocolMax = 1;
    acquaint();
    await eventually(() => peers[0].connected.length === 1 && peers[1].connected.length === 1);
    const timeoutNow: PeerMessage = { kind: 'timeout-now', term: 1 as Term };
    for (const message of [timeoutNow, heartbeat(1)]) {
      peers[0].send(2 as MemberId, message);
      peers[1].send(1 as MemberId, message);
    }
    for (const each of peers) each.flush();
    await eventually(() => hosts[1].messages.length > 0 && hosts[0].messages.length > 1);
    expect(hosts[1].messages).toEqual([[1, heartbeat(1)]]);
    expect(hosts[0].messages).toEqual([
      [2, timeoutNow],
      [2, heartbeat(1)],
    ]);
  });

  test('introduce themselves, then exchange messages in their order, a frame a turn', async () => {
    acquaint();
    await eventually(() => peers[0].connected.length === 1 && peers[1].connected.length === 1);
    expect(hosts[0].acquaintances).toEqual([2]);
    for (let round = 0; round < 5; round++) peers[0].send(2 as MemberId, heartbeat(round));
    peers[1].send(1 as MemberId, heartbeat(9));
    for (const each of peers) each.flush();
    await eventually(() => hosts[1].messages.length === 5 && hosts[0].messages.length === 1);
    expect(hosts[1].messages).toEqual([0, 1, 2, 3, 4].map((round) => [1, heartbeat(round)]));
  });

  test('tell one another how their disks stand: at once, and when that changed', async () => {
    hosts[1].ownStanding = { term: 3, votedFor: 1, entryTerm: 2, entryIndex: 2 ** 40 };
    acquaint();
    await eventually(() => hosts[0].standings.length > 0 && hosts[0].begunBy.length > 0);
    expect(hosts[0].standings[0]).toEqual([2, hosts[1].ownStanding]);
    expect(hosts[0].begunBy).toEqual([2]);
    const later = { ...hosts[1].ownStanding, term: 4 };
    hosts[1].ownStanding = later;
    await eventually(() => hosts[0].standings.at(-1)![1].term === 4);
    // Nothing is said while nothing is new.
    expect(hosts[0].standings).toHaveLength(2);
  });

  test('carry entries of many megabytes, whose credit comes back', async () => {
    acquaint();
    await eventually(() => peers[0].connected.length === 1);
    const data = new Uint8Array(randomBytes(1_000_000));
    for (let index = 1; index <= 40; index++) {
      const entries = [{ index: index as Index, term: 1 as Term, kind: 'command' as const, data }];
      const previousIndex = (index - 1) as Index;
      peers[0].send(2 as MemberId, {
        kind: 'append',
        term: 1 as Term,
        previousIndex,
        previousTerm: 1 as Term,
        entries,
        commit: 0 as Index,
      });
      peers[0].flush();
      if (index % 10 === 0) await eventually(() => hosts[1].messages.length === index);
    }
    expect(peers[0].droppedMessages).toBe(0);
    const last = hosts[1].messages[39]![1];
    expect(last.kind === 'append' && Buffer.compare(last.entries[0]!.data, data)).toBe(0);
  });

  test('drop what a slow one does not take, and say so once', async () => {
    acquaint();
    await eventually(() => peers[0].connected.length === 1);
    const data = new Uint8Array(1_000_000);
    for (let index = 1; index <= 40; index++) {
      const entries = [{ index: index as Index, term: 1 as Term, kind: 'command' as const, data }];
      const previousIndex = (index - 1) as Index;
      peers[0].send(2 as MemberId, {
        kind: 'append',
        term: 1 as Term,
        previousIndex,
        previousTerm: 1 as Term,
        entries,
        commit: 0 as Index,
      });
      peers[0].flush();
    }
    expect(peers[0].droppedMessages).toBeGreaterThan(20);
    expect(hosts[0].lost).toEqual([2]);
  });

  test('forward batches and answer them', async () => {
    acquaint();
    const batch = {
      counters: Float64Array.of(4, 5),
      deadlinesMs: Float64Array.of(performance.now() + 5000, performance.now() + 7000),
      rows: Uint32Array.of(1, 3),
      ends: Uint32Array.of(2, 5),
      bytes: Uint8Array.of(1, 2, 3, 4, 5),
    };
    await eventually(() => peers[0].forward(2 as MemberId, { id: 8, term: 3 as Term, batch }));
    await eventually(() => hosts[1].forwards.length === 1);
    const [from, forward] = hosts[1].forwards[0]!;
    expect(from).toBe(1);
    expect(forward).toMatchObject({ id: 8, term: 3, batch: { counters: batch.counters, rows: batch.rows, ends: batch.ends } });
    expect(Math.abs(forward.batch.deadlinesMs[0]! - batch.deadlinesMs[0]!)).toBeLessThan(2000);
    peers[1].answerForward(1 as MemberId, { id: 8, accepted: 1, code: 'too-busy' });
    await eventually(() => hosts[0].answers.length === 1);
    expect(hosts[0].answers).toEqual([[2, { id: 8, accepted: 1, code: 'too-busy' }]]);
    // One that is no member any more, or is found elsewhere, answers nothing of what was forwarded to it.
    expect(hosts[0].unanswered).toEqual([]);
    peers[0].setMembers([]);
    expect(hosts[0].unanswered).toEqual([2]);
  });

  test('find one another at once when the one that was away dials, however long the other would wait', async () => {
    const options = { listen: { host: '127.0.0.1', port: 0 }, nowMs: () => performance.now() };
    await peers[0].close();
    // The wait before its next try is of hours.
    peers[0] = await GrpcPeers.listen({ ...options, random: () => 1e6 }, hosts[0]);
    acquaint();
    await eventually(() => peers[0].connected.length === 1);
    const { port } = peers[1];
    await peers[1].close();
    await eventually(() => peers[0].connected.length === 0);
    peers[1] = await GrpcPeers.listen({ listen: { host: '127.0.0.1', port }, nowMs: options.nowMs, random: () => 0.5 }, hosts[1]);
    peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
    await eventually(() => peers[0].connected.length === 1);
    expect(hosts[0].lost).toEqual([2]);
  });

  test('and one that is closed dials nobody any more, whatever it is told', async () => {
    await peers[1].close();
    peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
    const header = { kind: 'snapshot', term: 1 as Term, index: 1 as Index, indexTerm: 1 as Term } as const;
    const source = { size: 1, readAt: () => Promise.resolve(new Uint8Array(1)) };
    expect(peers[1].sendSnapshot(1 as MemberId, { header, id: id(1), sizeBytes: 1 }, source, () => undefined)).toBeNull();
  });

  test('find one another again after one was away', async () => {
    acquaint();
    await eventually(() => peers[0].connected.length === 1);
    const { port } = peers[1];
    await peers[1].close();
    await eventually(() => peers[0].connected.length === 0);
    expect(hosts[0].lost).toEqual([2]);
    const options = { listen: { host: '127.0.0.1', port }, nowMs: () => performance.now(), random: () => 0.5 };
    peers[1] = await GrpcPeers.listen(options, hosts[1]);
    await eventually(() => peers[0].connected.length === 1);
  });

  test('stream a snapshot, and tell what became of it', async () => {
    acquaint();
    const bytes = new Uint8Array(randomBytes(3_000_000));
    const source = {
      size: bytes.length,
      readAt: (offset: number, max: number) => Promise.resolve(bytes.subarray(offset, offset + max)),
    };
    const header = { kind: 'snapshot', term: 4 as Term, index: 900 as Index, indexTerm: 3 as Term } as const;
    const send = (): Promise<string | null> =>
      new Promise((done) => peers[0].sendSnapshot(2 as MemberId, { header, id: id(1), sizeBytes: bytes.length }, source, done));
    expect(await send()).toBeNull();
    expect(Buffer.compare(Buffer.concat(hosts[1].chunks), bytes)).toBe(0);
    // Half of it is there already, of a stream that broke: the rest is sent.
    hosts[1].chunks.splice(0, hosts[1].chunks.length, bytes.slice(0, 1_500_000));
    hosts[1].snapshotProblem = 'it is damaged';
    expect(await send()).toBe('it is damaged');
    expect(Buffer.compare(Buffer.concat(hosts[1].chunks), bytes)).toBe(0);
  });
});

const received = (host: Host): Buffer => Buffer.concat(host.chunks);

/** The stream from member 1 breaks once, when member 2 writes beyond so many bytes. */
function breakOnce(atBytes: number): void {
  const offered = hosts[1].snapshotOffered.bind(hosts[1]);
  let broken = false;
  hosts[1].snapshotOffered = async (from, offering) => {
    const sink = await offered(from, offering);
    return {
      get receivedBytes() {
        return sink.receivedBytes;
      },
      append: async (chunk) => {
        await sink.append(chunk);
        if (broken || sink.receivedBytes < atBytes) return;
        broken = true;
        peers[1].setMembers([]);
        peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
      },
    };
  };
}

describe('a snapshot on its way', () => {
  const bytes = new Uint8Array(randomBytes(3_000_000));
  const source = {
    size: bytes.length,
    readAt: (offset: number, max: number) => Promise.resolve(bytes.subarray(offset, offset + max)),
  };
  const header = { kind: 'snapshot', term: 4 as Term, index: 900 as Index, indexTerm: 3 as Term } as const;
  const offer = { header, id: id(1), sizeBytes: bytes.length };
  const listening = { listen: { host: '127.0.0.1', port: 0 }, nowMs: () => performance.now(), random: () => 0.5 };

  test('goes on where it was when its stream breaks: every byte is taken once', async () => {
    acquaint();
    breakOnce(1_000_000);
    const problem = await new Promise((done) => peers[0].sendSnapshot(2 as MemberId, offer, source, done));
    expect(problem).toBeNull();
    expect(received(hosts[1]).equals(bytes)).toBe(true);
  });

  test('takes no more of the network than its rate', async () => {
    await peers[0].close();
    peers[0] = await GrpcPeers.listen({ ...listening, snapshotBytesPerSecondMax: 10_000_000 }, hosts[0]);
    acquaint();
    const beganMs = performance.now();
    expect(await new Promise((done) => peers[0].sendSnapshot(2 as MemberId, offer, source, done))).toBeNull();
    // All but the last chunk, of half a megabyte, have had their time.
    expect(performance.now() - beganMs).toBeGreaterThan(240);
  });

  describe('to whoever fetches it', () => {
    const fetched: Uint8Array[] = [];
    let offers: number;
    const fetch = (indexMin = 800): Promise<SnapshotOffer> =>
      fetchSnapshot({
        address: `127.0.0.1:${peers[1].port}`,
        hello: () => hosts[0].hello(2),
        credentials: () => credentials.createInsecure(),
        refuse: (hello) => hosts[0].refuse(hello),
        indexMin: indexMin as Index,
        begin: () => {
          offers++;
          return Promise.resolve({
            get receivedBytes() {
              return fetched.reduce((sum, chunk) => sum + chunk.length, 0);
            },
            append: (chunk) => Promise.resolve(void fetched.push(chunk.slice())),
          });
        },
        progress: (receivedBytes) => progressed(receivedBytes),
      });
    let progressed: (receivedBytes: number) => void;
    const givenBack: boolean[] = [];

    beforeEach(() => {
      fetched.length = 0;
      givenBack.length = 0;
      offers = 0;
      progressed = () => undefined;
      hosts[1].lent = { offer, source, giveBack: (taken) => void givenBack.push(taken) };
    });

    test('comes whole, and goes on where it was when its stream breaks', async () => {
      progressed = (receivedBytes) => {
        if (receivedBytes < 1_000_000 || givenBack.length > 0) return;
        peers[1].setMembers([]);
      };
      expect(await fetch()).toEqual(offer);
      expect(Buffer.concat(fetched).equals(bytes)).toBe(true);
      await eventually(() => givenBack.length === 2);
      expect([offers, givenBack, hosts[1].wanted]).toEqual([1, [false, true], [800, 800]]);
    });

    test('is refused with the reason: there is none, it is not let in, nobody is there', async () => {
      hosts[1].lent = null;
      await expect(fetch()).rejects.toThrow('the state here ends before that');
      hosts[1].clusterId = id(9);
      await expect(fetch()).rejects.toMatchObject({ refusal: { code: 'other-cluster' } });
      await peers[1].close();
      await expect(fetch()).rejects.toMatchObject({ name: 'FetchFailed', refusal: null });
    });
  });
});

/** Fetches from member 1, and says no more than it is told to. */
class SilentFetch {
  readonly parts: SnapshotPart[] = [];
  readonly closed: Promise<void>;
  #stream: DialedStream | null = null;

  constructor(host: Host, wish: SnapshotReply | null) {
    this.closed = new Promise((resolve) => {
      this.#stream = new DialedStream({
        method: peersService.Fetch,
        address: `127.0.0.1:${peers[0].port}`,
        hello: host.hello(1),
        credentials: credentials.createInsecure(),
        refuse: () => null,
        onOpen: () => (wish === null ? undefined : this.say(wish)),
        onFrame: (bytes) => void this.parts.push(decodePart(bytes)),
        onClosed: () => resolve(),
      });
    });
  }

  say(reply: SnapshotReply): void {
    if (this.#stream?.open) this.#stream.write(encodeReply(reply));
  }
}

const wish: SnapshotReply = { kind: 'want', indexMin: 800 as Index };

describe('a snapshot is given up, so that its sender need not keep log and file for ever', () => {
  const size = 3_000_000;
  const source = { size, readAt: (offset: number, max: number) => Promise.resolve(new Uint8Array(Math.min(max, size - offset))) };
  const header = { kind: 'snapshot', term: 4 as Term, index: 900 as Index, indexTerm: 3 as Term } as const;
  const offer = { header, id: id(1), sizeBytes: size };
  const sentBy = (sender: GrpcPeers): Promise<string | null> =>
    new Promise((done) => sender.sendSnapshot(2 as MemberId, offer, source, done));
  let givenBack: boolean[];

  beforeEach(async () => {
    const listening = { listen: { host: '127.0.0.1', port: 0 }, nowMs: () => performance.now(), random: () => 0.5 };
    await peers[0].close();
    peers[0] = await GrpcPeers.listen({ ...listening, snapshotSilenceMsMax: 300 }, hosts[0]);
    acquaint();
    givenBack = [];
    hosts[0].lent = { offer, source, giveBack: (taken) => void givenBack.push(taken) };
  });

  test('when the disk of the receiver hangs, which answers pings all the same', async () => {
    hosts[1].snapshotOffered = () => Promise.resolve({ receivedBytes: 0, append: () => new Promise<void>(() => undefined) });
    expect(await sentBy(peers[0])).toMatch(/done nothing with it for 300 ms/);
  });

  test('when who fetches it writes nothing of it, and the file is given back', async () => {
    const fetching = new SilentFetch(hosts[1], wish);
    await eventually(() => fetching.parts.length > 0);
    // To say again what it has is no progress.
    const again = setInterval(() => fetching.say({ kind: 'have', offset: 0 }), 20);
    await fetching.closed;
    clearInterval(again);
    expect(fetching.parts.map(({ kind }) => kind)).toEqual(['offer', ...Array.from({ length: 6 }, () => 'chunk')]);
    expect(givenBack).toEqual([false]);
    expect(hosts[0].reports).toContain(
      'member 2 has done nothing with the state that it fetches for 300 ms: its stream is closed',
    );
  });

  test('when who fetches it does not say which one will do; who waits for a copy that is being made is borne with', async () => {
    const copy = Promise.withResolvers<LentSnapshot>();
    hosts[0].snapshotWanted = (_from, indexMin) => {
      hosts[0].wanted.push(indexMin);
      return copy.promise;
    };
    hosts[0].known = [1, 2, 3];
    const waiting = new SilentFetch(hosts[1], wish);
    await eventually(() => hosts[0].wanted.length === 1);
    await new SilentFetch(new Host(3), null).closed;
    expect(hosts[0].reports).toContain('member 3 has not said which state it fetches for 300 ms: its stream is closed');
    copy.resolve(hosts[0].lent!);
    await eventually(() => waiting.parts.length > 0);
    expect(waiting.parts[0]).toMatchObject({ kind: 'offer' });
    await waiting.closed;
  });
});

describe('a member that was added while the other one was away', () => {
  beforeEach(() => {
    hosts[0].known = [1];
    hosts[0].admits = true;
    peers[1].setMembers([{ memberId: 1, address: `127.0.0.1:${peers[0].port}` }]);
  });

  test('introduces itself where it brings messages, and is let in', async () => {
    await eventually(() => peers[1].connected.length === 1);
    peers[1].send(1 as MemberId, heartbeat(3));
    peers[1].flush();
    await eventually(() => hosts[0].messages.length === 1);
    expect(hosts[0].introductions[0]).toEqual({ address: '127.0.0.1:7002', proof: new Uint8Array(32).fill(2) });
  });

  test('introduces itself where it brings a snapshot, and is let in', async () => {
    const bytes = new Uint8Array(10).fill(7);
    const header = { kind: 'snapshot', term: 1 as Term, index: 1 as Index, indexTerm: 1 as Term } as const;
    const source = { size: bytes.length, readAt: (offset: number) => Promise.resolve(bytes.slice(offset)) };
    const problem = await new Promise((done) =>
      peers[1].sendSnapshot(1 as MemberId, { header, id: id(1), sizeBytes: bytes.length }, source, done),
    );
    expect(problem).toBeNull();
    expect(hosts[0].chunks).toEqual([bytes]);
  });

  test.each(['Forward', 'Fetch'] as const)(
    'is refused whatever it says where it opens %s: that is for whom the state names',
    async (name) => {
      // It was let in before, where it brings messages.
      await eventually(() => peers[1].connected.length === 1);
      expect(hosts[0].admitted).toContain(2);
      const refusal = await new Promise((done) => {
        void new DialedStream({
          method: peersService[name],
          address: `127.0.0.1:${peers[0].port}`,
          hello: hosts[1].hello(1),
          introduction: hosts[1].introduction(),
          credentials: credentials.createInsecure(),
          refuse: () => null,
          onOpen: () => done('it was let in'),
          onFrame: () => undefined,
          onClosed: (_reason, refused) => done(refused),
        });
      });
      expect(refusal).toMatchObject({ code: 'unknown-member' });
    },
  );
});

describe('whoever does not belong is refused and told of, and nobody stops', () => {
  test('a member of another cluster, on both sides', async () => {
    hosts[1].clusterId = id(8);
    acquaint();
    await eventually(() => hosts[0].refusals.length > 0 && hosts[1].refusals.length > 0);
    expect(hosts[0].refusals[0]?.code).toBe('other-cluster');
    expect(hosts[0].reports.join()).toMatch(/member 2 is of cluster 0808/);
    expect(peers[0].connected).toEqual([]);
  });

  test('a hello says everything again when it is read, before a cluster has an id and after', () => {
    const hello = hosts[0].hello(2);
    const found = { term: 2 ** 40, votedFor: 2 ** 32 - 1, entryTerm: 7, entryIndex: 2 ** 50 };
    for (const each of [
      { ...hello, found },
      { ...hello, clusterId: null, epoch: 2 ** 53 - 1, founderDiskId: id(9), startNonce: 2 ** 32 - 1 },
    ])
      expect(decodeHello(encodeHello(each))).toEqual(each);
    const bytes = encodeHello(hello);
    const earlier = Uint8Array.from(bytes);
    // The format stands behind the magic text and its length.
    earlier[earlier.indexOf(3, 12)] = 1;
    expect(() => decodeHello(earlier)).toThrow('a hello of format 1, and this program reads 3');
  });

  test('random bytes, on a bare connection and in every method', async () => {
    acquaint();
    const { port } = peers[0];
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(randomBytes(10_000)));
      socket
        .resume()
        .on('error', () => undefined)
        .on('close', () => resolve());
    });
    const client = dialClient(`127.0.0.1:${port}`, noSecurity.dial(1));
    for (const { path, requestSerialize, responseDeserialize } of [
      peersService.Messages,
      peersService.Forward,
      peersService.Snapshot,
    ]) {
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      const closed = new Promise((resolve) => call.on('error', resolve).on('end', resolve));
      call.on('data', () => undefined);
      call.write(new Uint8Array(randomBytes(100)));
      await closed;
      // After a hello that is in order.
      const second = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      const ended = new Promise((resolve) => second.on('error', resolve).on('end', resolve));
      second.once('data', () => second.write(new Uint8Array(randomBytes(100)).fill(255, 0, 1))).on('data', () => undefined);
      second.write(encodeHello(hosts[1].hello(1)));
      await ended;
    }
    const { path, requestSerialize, responseDeserialize } = peersService.Hello;
    const refused = await new Promise<{ code?: number } | null>((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, new Uint8Array(randomBytes(50)), resolve);
    });
    expect(refused?.code).toBe(3);
    client.close();
    expect(hosts[0].reports.join('\n')).toMatch(/cannot be read/);
    await eventually(() => peers[0].connected.length === 1 && peers[1].connected.length === 1);
    peers[1].send(1 as MemberId, heartbeat(1));
    peers[1].flush();
    await eventually(() => hosts[0].messages.length === 1);
  });

  test('a frame that is larger than any may be', async () => {
    const client = dialClient(`127.0.0.1:${peers[0].port}`, noSecurity.dial(1));
    const { path, requestSerialize, responseDeserialize } = peersService.Messages;
    // A client of our own would refuse to send it.
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const failed = new Promise<{ code?: number }>((resolve) => call.on('error', resolve));
    call.on('data', () => undefined);
    call.write(new Uint8Array(frameBytesMax + 1));
    expect((await failed).code).toBe(8);
    client.close();

    const session = connectHttp2(`http://127.0.0.1:${peers[0].port}`);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    const status = new Promise((resolve) => {
      stream
        .on('trailers', (trailers) => resolve(trailers['grpc-status']))
        .on('response', (headers) => {
          if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']);
        });
      stream.on('error', () => undefined);
      stream.on('data', () => undefined);
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(frameBytesMax + 1, 1);
    stream.write(head);
    expect(await status).toBe('8');
    session.destroy();
  });

  test('a member that is asked only who it is answers with the first entry', async () => {
    const answer = await peers[0].hello({ memberId: 2, address: `127.0.0.1:${peers[1].port}` }, 2000);
    expect('welcome' in answer && answer.welcome).toMatchObject({
      founding: id(5),
      hello: { memberId: 2, apiAddress: 'api2:1' },
    });
  });
});
