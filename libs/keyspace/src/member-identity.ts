/** A member as the cluster knows it: the same id with another disk is another member, and is refused. */
export interface MemberIdentity {
  /** 1 … 2^32 − 1, given once. */
  readonly memberId: number;
  /** 16 random bytes, drawn when the data directory was made. */
  readonly diskId: Uint8Array;
  /** Where its peers find it, as host:port. */
  readonly address: string;
}
