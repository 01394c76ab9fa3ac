import { isLabelKey, isLabelValue } from '@env-cli/keyspace';

import type { LabelDemand, LabelSelector } from './selector.ts';

/** The most characters of a selector's text. */
export const selectorLengthMax = 4096;

/** A selector, or where its text goes wrong: `position` counts characters from 0. */
export type ParsedSelector =
  | { readonly kind: 'selector'; readonly selector: LabelSelector }
  | { readonly kind: 'error'; readonly position: number; readonly problem: string };

/**
 * Reads a label selector as Kubernetes writes them: demands joined by commas, each one of `k=v` (or `k==v`), `k!=v`, `k`,
 * `!k`, `k in (a,b)`, `k notin (a,b)`. Spaces between the words do not matter. The empty text demands nothing.
 */
export function parseLabelSelector(text: string): ParsedSelector {
  if (text.length > selectorLengthMax) {
    return { kind: 'error', position: selectorLengthMax, problem: `a selector has at most ${selectorLengthMax} characters` };
  }
  if (text.trim() === '') return { kind: 'selector', selector: [] };
  try {
    return { kind: 'selector', selector: new SelectorReader(text).demands() };
  } catch (problem) {
    if (problem instanceof SelectorProblem) return { kind: 'error', position: problem.position, problem: problem.message };
    throw problem;
  }
}

class SelectorProblem extends Error {
  readonly position: number;

  constructor(position: number, problem: string) {
    super(problem);
    this.position = position;
  }
}

const word = /[A-Za-z0-9._/-]+/y;
const spaces = /\s*/y;

class SelectorReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  demands(): LabelDemand[] {
    const demands = [this.#demand()];
    while (this.#take(',')) demands.push(this.#demand());
    if (this.#at < this.#text.length) {
      throw new SelectorProblem(
        this.#at,
        'expected a comma or the end: demands look like k=v, k!=v, k, !k, k in (a,b), k notin (a,b)',
      );
    }
    return demands;
  }

  #demand(): LabelDemand {
    if (this.#take('!')) return { kind: 'has-not', key: this.#key() };
    const key = this.#key();
    if (this.#take('!=')) return { kind: 'not-in', key, values: [this.#value()] };
    if (this.#take('==') || this.#take('=')) return { kind: 'in', key, values: [this.#value()] };
    const start = this.#at;
    const operator = this.#word();
    if (operator === 'in') return { kind: 'in', key, values: this.#values() };
    if (operator === 'notin') return { kind: 'not-in', key, values: this.#values() };
    if (operator !== '') throw new SelectorProblem(start, `expected =, !=, in or notin instead of ${operator}`);
    return { kind: 'has', key };
  }

  #key(): string {
    const start = this.#at;
    const key = this.#word();
    if (!isLabelKey(key)) throw new SelectorProblem(start, key === '' ? 'expected a label' : `${key} is not the key of a label`);
    return key;
  }

  #values(): string[] {
    if (!this.#take('(')) throw new SelectorProblem(this.#at, 'expected ( and values, as in k in (a,b)');
    const values = [this.#value()];
    while (this.#take(',')) values.push(this.#value());
    if (!this.#take(')')) throw new SelectorProblem(this.#at, 'expected , or ) behind a value');
    return [...new Set(values)].toSorted();
  }

  #value(): string {
    const start = this.#at;
    const value = this.#word();
    if (!isLabelValue(value)) throw new SelectorProblem(start, `${value} is not the value of a label`);
    return value;
  }

  /** The letters, digits and `._/-` that follow; empty when something else does. */
  #word(): string {
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    this.#passSpaces();
    return found;
  }

  #take(sign: string): boolean {
    this.#passSpaces();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    this.#passSpaces();
    return true;
  }

  #passSpaces(): void {
    spaces.lastIndex = this.#at;
    this.#at += spaces.exec(this.#text)?.[0].length ?? 0;
  }
}
