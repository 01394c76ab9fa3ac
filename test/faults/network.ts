import type { MemberNetwork } from '../support/cluster.ts';

/** A way from one member to another, in one direction. */
export interface Way {
  readonly from: number;
  readonly to: number;
}

/** What happens to all that goes some ways. */
export interface Trouble {
  readonly ways: readonly Way[];
  /** `cut`: nothing arrives, and nobody is told. */
  readonly kind: 'cut' | 'delay' | 'loss';
  /** Of a delay: each way; of a loss: what a lost packet costs where the network cannot lose one. */
  readonly delayMs?: number;
  /** Of a loss: how many of 100 packets. */
  readonly lossPercent?: number;
}

/** A network whose ways between members can be troubled. Clients always reach all members. */
export interface FaultyNetwork extends MemberNetwork {
  /** How it is made, for people. */
  readonly name: string;
  /** The troubles that it can make. */
  readonly kinds: readonly Trouble['kind'][];
  /** Makes these the only troubles there are; none: all is well. Resolves when it is so. */
  set(troubles: readonly Trouble[]): Promise<void>;
  /** Takes down all that was set up. The members have ended. */
  close(): Promise<void>;
}

/** Both directions between members of two sides. */
export function between(one: readonly number[], other: readonly number[]): Way[] {
  return one.flatMap((a) => other.flatMap((b) => (a === b ? [] : [way(a, b), way(b, a)])));
}

export function way(from: number, to: number): Way {
  return { from, to };
}

/** All ways among members. */
export function allWays(ids: readonly number[]): Way[] {
  return ids.flatMap((from) => ids.flatMap((to) => (from === to ? [] : [way(from, to)])));
}
