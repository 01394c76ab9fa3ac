import type { MemberId, PeerMessage } from '@env-cli/raft';
import type { Forward, ForwardAnswer, Hello, Standing } from '@env-cli/replica';

import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** How bad the network is. Probabilities are for each message. */
export interface Weather {
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** With this probability a message takes up to twenty times as long, and is overtaken. */
  readonly slowProbability: number;
}

/** A network that does what it should. */
export const fairWeather: Weather = {
  lossProbability: 0,
  duplicateProbability: 0,
  delayMsMin: 0.2,
  delayMsMax: 1,
  slowProbability: 0,
};

/** A network that is as bad as it gets, for a while. */
export function stormOf(random: Random, electionMs: number): Weather {
  return {
    lossProbability: random.pick([0.05, 0.3]),
    duplicateProbability: random.pick([0, 0.2]),
    delayMsMin: 0.2,
    delayMsMax: random.pick([0.05, 0.3, 1]) * electionMs,
    slowProbability: 0.1,
  };
}

/** What members say to one another. */
export const peerMessageKinds = [
  'pre-vote-request',
  'pre-vote-reply',
  'vote-request',
  'vote-reply',
  'append',
  'append-accepted',
  'append-rejected',
  'commit',
  'committed',
  'heartbeat',
  'heartbeat-reply',
  'read-request',
  'read-reply',
  'snapshot',
  'timeout-now',
  'stale-term',
] as const satisfies readonly PeerMessage['kind'][];

/** What became of a message: when it was sent and arrives, or why it does not. */
export interface Carried {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly kind: PeerMessage['kind'];
  readonly sentMs: number;
  readonly arrivesMs: number;
  readonly fate: 'arrived' | 'lost' | 'cut';
}

/** As much of a hello as the simulation needs: the stream that brings a message began with it. */
export type Introduction = Pick<Hello, 'memberId' | 'diskId' | 'startNonce' | 'found'>;

/** What arrives at a member. Whoever is dead hears nothing. */
export interface Listener {
  received(from: MemberId, hello: Introduction, message: PeerMessage): void;
  stands(from: MemberId, hello: Introduction, standing: Standing): void;
  forwarded(from: MemberId, forward: Forward): void;
  forwardAnswered(from: MemberId, answer: ForwardAnswer): void;
  forwardsBroken(to: MemberId): void;
}

/** The network between members: it loses, doubles, delays, reorders and parts. */
export class Network {
  weather: Weather = fairWeather;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #listeners = new Map<MemberId, Listener>();
  /** Ordered pairs ({@link way}) that nothing gets through. */
  readonly #cuts = new Set<number>();
  /** Raised when the connection for forwards between two members breaks: what was on it does not arrive. */
  readonly #connections = new Map<number, number>();
  /** Ordered pairs ({@link way}) on which everything takes longer, and by how many milliseconds. */
  readonly #slowWays = new Map<number, number>();
  /** Kinds of messages that take longer, each by so many milliseconds at most, as a stream of their own may. */
  readonly #slowKinds = new Map<PeerMessage['kind'], number>();
  readonly counts = { sent: 0, lost: 0, doubled: 0, slowed: 0, overtaken: 0, cut: 0 };
  /** The number of the last message that arrived on a way, so that one which comes later than a later one is seen. */
  readonly #arrived = new Map<number, number>();
  readonly #watch: ((carried: Carried) => void) | null;

  /** `watch` is told of every message of the cores, when it has arrived or will not. */
  constructor(timeline: Timeline, random: Random, watch: ((carried: Carried) => void) | null = null) {
    this.#timeline = timeline;
    this.#random = random;
    this.#watch = watch;
  }

  attach(member: MemberId, listener: Listener): void {
    this.#listeners.set(member, listener);
  }

  /** Nothing gets from one to the other any more; the way back stays as it is. */
  cut(from: MemberId, to: MemberId): void {
    this.#cuts.add(way(from, to));
    this.#breakForwards(from, to);
    this.#breakForwards(to, from);
  }

  /** What goes from one to the other takes so much longer, until it is 0. */
  slowDown(from: MemberId, to: MemberId, byMs: number): void {
    this.#slowWays.set(way(from, to), byMs);
  }

  /** Messages of a kind take up to so much longer, and are overtaken by others, until it is 0. */
  holdBack(kind: PeerMessage['kind'], byMsMax: number): void {
    this.#slowKinds.set(kind, byMsMax);
  }

  /** Everything takes as long as the weather says. */
  hurry(): void {
    this.#slowWays.clear();
    this.#slowKinds.clear();
  }

  /** What was cut between these two, both ways, is whole again. */
  join(a: MemberId, b: MemberId): void {
    this.#cuts.delete(way(a, b));
    this.#cuts.delete(way(b, a));
  }

  /** False when nothing was cut. */
  heal(): boolean {
    const any = this.#cuts.size > 0;
    this.#cuts.clear();
    return any;
  }

  connected(from: MemberId, to: MemberId): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(way(from, to));
  }

  /** A member died: whoever forwarded to it learns that the connection broke. */
  died(member: MemberId): void {
    for (const other of this.#listeners.keys()) {
      if (other === member) continue;
      this.#breakForwards(other, member);
      this.#breakForwards(member, other);
    }
  }

  send(from: MemberId, hello: Introduction, to: MemberId, message: PeerMessage): void {
    this.#carry(from, to, message.kind, (listener) => listener.received(from, hello, message));
    if (this.#random.chance(this.weather.duplicateProbability)) {
      this.counts.doubled++;
      this.#carry(from, to, message.kind, (listener) => listener.received(from, hello, message));
    }
  }

  /** What a member says of its own disk. */
  tell(from: MemberId, hello: Introduction, to: MemberId, standing: Standing): void {
    this.#carry(from, to, null, (listener) => listener.stands(from, hello, standing));
  }

  /** A connection: in order of its delays, nothing lost but by its breaking, which both ends learn. */
  forward(from: MemberId, to: MemberId, forward: Forward): boolean {
    if (!this.connected(from, to) || !this.connected(to, from)) return false;
    this.#onConnection(from, to, (listener) => listener.forwarded(from, forward));
    return true;
  }

  answerForward(from: MemberId, to: MemberId, answer: ForwardAnswer): void {
    this.#onConnection(from, to, (listener) => listener.forwardAnswered(from, answer));
  }

  /** How long a message takes now. */
  delayMs(): number {
    const { delayMsMin, delayMsMax, slowProbability } = this.weather;
    const delayMs = this.#random.span(delayMsMin, delayMsMax);
    if (!this.#random.chance(slowProbability)) return delayMs;
    this.counts.slowed++;
    return delayMs * this.#random.span(1, 20);
  }

  #carry(from: MemberId, to: MemberId, kind: PeerMessage['kind'] | null, deliver: (listener: Listener) => void): void {
    const number = ++this.counts.sent;
    const sentMs = this.#timeline.nowMs;
    if (this.#random.chance(this.weather.lossProbability)) {
      this.counts.lost++;
      if (kind !== null) this.#watch?.({ from, to, kind, sentMs, arrivesMs: sentMs, fate: 'lost' });
      return;
    }
    this.#timeline.after(this.delayMs() + this.#heldMs(from, to, kind), 'delivery', () => {
      const listener = this.#listeners.get(to);
      const arrives = this.connected(from, to);
      if (kind !== null)
        this.#watch?.({ from, to, kind, sentMs, arrivesMs: this.#timeline.nowMs, fate: arrives ? 'arrived' : 'cut' });
      if (!arrives) {
        this.counts.cut++;
        return;
      }
      const last = this.#arrived.get(way(from, to)) ?? 0;
      if (number < last) this.counts.overtaken++;
      else this.#arrived.set(way(from, to), number);
      if (listener !== undefined) deliver(listener);
    });
  }

  #heldMs(from: MemberId, to: MemberId, kind: PeerMessage['kind'] | null): number {
    if (this.#slowWays.size === 0 && this.#slowKinds.size === 0) return 0;
    const byMsMax = kind === null ? 0 : (this.#slowKinds.get(kind) ?? 0);
    return (this.#slowWays.get(way(from, to)) ?? 0) + (byMsMax === 0 ? 0 : this.#random.span(0, byMsMax));
  }

  #onConnection(from: MemberId, to: MemberId, deliver: (listener: Listener) => void): void {
    const connection = this.#connectionOf(from, to);
    this.#timeline.after(this.delayMs() + this.#heldMs(from, to, null), 'delivery', () => {
      const listener = this.#listeners.get(to);
      if (listener !== undefined && connection === this.#connectionOf(from, to)) deliver(listener);
    });
  }

  #connectionOf(a: MemberId, b: MemberId): number {
    return this.#connections.get(pair(a, b)) ?? 0;
  }

  #breakForwards(at: MemberId, to: MemberId): void {
    this.#connections.set(pair(at, to), this.#connectionOf(at, to) + 1);
    this.#timeline.after(this.delayMs(), 'delivery', () => this.#listeners.get(at)?.forwardsBroken(to));
  }
}

function way(from: MemberId, to: MemberId): number {
  return from * 1024 + to;
}

function pair(a: MemberId, b: MemberId): number {
  return a < b ? way(a, b) : way(b, a);
}
