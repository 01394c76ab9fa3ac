/**
 * What a mirror leaves at the target beside each value that it writes, in tags, labels, annotations or a file: who wrote it,
 * and what. Nothing without this mirror's stamp is ever changed or deleted by it.
 */
export interface Stamp extends StampOwner {
  /** The epoch of the cluster that wrote. A restored cluster has a higher one, and what it writes outranks all below. */
  readonly epoch: number;
  readonly environment: string;
  /** The revision of the outbox row that was delivered. */
  readonly revision: number;
  /** The keyed hash of the value, in hexadecimal digits. A plain hash of a short secret would give it away. */
  readonly valueHash: string;
}

/** Whose a key at a target is: one mirror of one cluster, whatever its epoch. */
export interface StampOwner {
  /** 16 bytes in hexadecimal digits. */
  readonly clusterId: string;
  /** Namespace and name of the mirror, joined by `/`. */
  readonly mirror: string;
}

/** Whether a stamp was left by this mirror, in any epoch. */
export function isOwn(stamp: StampOwner, owner: StampOwner): boolean {
  return stamp.clusterId === owner.clusterId && stamp.mirror === owner.mirror;
}

/** Orders what one mirror wrote: by epoch, then by revision. Above 0: `a` is newer than `b`. */
export function compareStamps(a: StampAge, b: StampAge): number {
  return a.epoch - b.epoch || a.revision - b.revision;
}

/** The part of a stamp that tells old from new. */
export type StampAge = Pick<Stamp, 'epoch' | 'revision'>;
