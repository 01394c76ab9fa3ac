import { assert } from '@env-cli/support';

/**
 * Numbers that follow from a seed alone (sfc32): the same seed makes the same run, on every machine.
 *
 * Not for anything that must not be guessed.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, salt = 0) {
    this.#a = 0x9e3779b9 ^ Math.floor(seed / 0x1_0000_0000);
    this.#b = 0x243f6a88 ^ salt;
    this.#c = seed >>> 0;
    // The first numbers of neighbouring seeds are alike; these are thrown away.
    for (let i = 0; i < 16; i++) this.#next();
  }

  /**
   * Numbers of their own for one of those who draw in a run. So a fault more or less changes nothing for the clients, and a failing run can
   * be made smaller without becoming another one.
   */
  static of(seed: number, name: string): Random {
    let hash = 0x811c9dc5;
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    return new Random(seed, hash);
  }

  /** An integer of 0 … `boundExclusive` − 1. */
  below(boundExclusive: number): number {
    assert(boundExclusive >= 1, 'something can be drawn');
    return Math.floor(this.fraction() * boundExclusive);
  }

  /** An integer of `min` … `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** A number of [0, 1). */
  fraction(): number {
    return this.#next() / 0x1_0000_0000;
  }

  /** A number of [`min`, `max`). */
  span(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** So many random bytes. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter++) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }
}
