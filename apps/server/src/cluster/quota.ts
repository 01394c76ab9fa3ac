/** Pages are not full, and what readers hold is not reused: the file takes up to so many times what the quota counts. */
const fileFactor = 2;

/** The quota that a state's file of `mapBytes` holds for certain. */
export function quotaHeldBy(mapBytes: number): number {
  return Math.floor(mapBytes / fileFactor);
}
