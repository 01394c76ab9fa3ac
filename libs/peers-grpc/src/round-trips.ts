import type { PeerMessage } from '@env-cli/raft';

/** Upper bounds of the buckets, in seconds: from two processes of one machine to two continents that are unwell. */
const bucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** A heartbeat that is not answered for so long is not waited for any more: the next one is measured. */
const answerMsMax = 5_000;

/** The round trips of one member. */
class PeerRoundTrips {
  readonly #counts = bucketsSeconds.map(() => 0);
  #count = 0;
  #sumSeconds = 0;
  /** The heartbeat that is measured. One at a time is enough, and costs next to nothing. */
  #open: { readonly round: number; readonly sentMs: number } | null = null;

  sent(round: number, nowMs: number): void {
    if (this.#open !== null && nowMs - this.#open.sentMs < answerMsMax) return;
    this.#open = { round, sentMs: nowMs };
  }

  answered(round: number, nowMs: number): void {
    if (this.#open === null || round < this.#open.round) return;
    const { round: measured, sentMs } = this.#open;
    this.#open = null;
    // The answer to it was lost: that of a later round says nothing of it.
    if (round !== measured) return;
    const seconds = (nowMs - sentMs) / 1_000;
    this.#count++;
    this.#sumSeconds += seconds;
    // A bucket holds all below it, as Prometheus has it.
    for (const [place, bound] of bucketsSeconds.entries()) if (seconds <= bound) this.#counts[place]!++;
  }

  figures(peer: number): [string, number][] {
    const series = (part: string, labels = ''): string => `peer_round_trip_seconds_${part}{peer="${peer}"${labels}}`;
    return [
      ...bucketsSeconds.map((bound, place): [string, number] => [series('bucket', `,le="${bound}"`), this.#counts[place]!]),
      [series('bucket', ',le="+Inf"'), this.#count],
      [series('sum'), this.#sumSeconds],
      [series('count'), this.#count],
    ];
  }
}

/** How long heartbeats and their answers take between this member, while it leads, and each other. They wait for no disk. */
export class RoundTrips {
  readonly #peers = new Map<number, PeerRoundTrips>();

  sent(to: number, message: PeerMessage, nowMs: number): void {
    if (message.kind === 'heartbeat') this.#of(to).sent(message.round, nowMs);
  }

  received(from: number, message: PeerMessage, nowMs: number): void {
    if (message.kind === 'heartbeat-reply') this.#peers.get(from)?.answered(message.round, nowMs);
  }

  /** Of these members alone, so that the figures of one that was removed go. Names without the prefix. */
  figures(members: Iterable<number>): Record<string, number> {
    return Object.fromEntries([...members].flatMap((member) => this.#peers.get(member)?.figures(member) ?? []));
  }

  #of(member: number): PeerRoundTrips {
    const known = this.#peers.get(member) ?? new PeerRoundTrips();
    this.#peers.set(member, known);
    return known;
  }
}
