/**
 * Stops the process's work on a broken invariant: a bug of ours, never a user's mistake and never an I/O error.
 *
 * `claim` is a sentence that is true in a correct program; it must not hold a value that a user wrote.
 */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new BrokenInvariant(claim);
}

/** What {@link assert} throws. Nothing may catch it and go on: whoever sees it stops the member. */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';

  constructor(claim: string) {
    super(`broken invariant: ${claim}`);
  }
}

/** A switch that ends here does not compile until it is complete. */
export function unreachable(value: never): never {
  throw new BrokenInvariant(`no case for ${String(value)}`);
}
