import { Violation } from '../checks.ts';

/** The rule that this breaks; null: none. */
export function ruleBrokenBy(play: () => void): string | null {
  try {
    play();
  } catch (error) {
    if (error instanceof Violation) return error.rule;
    throw error;
  }
  return null;
}
