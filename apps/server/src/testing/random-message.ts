import { unreachable } from '@env-cli/support';
import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';

/** Numbers of [0, 1) from a seed: mulberry32, so that a failure comes again. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** Texts that get past the first check more often than noise would, and texts that should not. */
const texts = [
  '',
  'a',
  'a',
  'b',
  'a/b',
  'payments/prod',
  'payments/',
  'A',
  'KEY',
  'DB_URL',
  'default',
  'other-space',
  'team=red',
  'team in (red,blue)',
  '!team',
  'files',
  'm1',
  '/tmp/somewhere',
  '/',
  '..',
  '../../etc',
  'a//b',
  'a\0b',
  '\u{1F600}',
  '\uFFFD',
  'x'.repeat(257),
  'é'.repeat(300),
  '1',
  'true',
  '{}',
  'http://x',
  '5s',
  'AAAA',
  '=',
  ' ',
] as const;

/** What is likely to be right in a field, by its name. */
const likely: Readonly<Record<string, readonly string[]>> = {
  namespace: ['', '', '', 'default', 'other-space'],
  name: ['a', 'b', 'a/b', 'payments/prod', 'KEY', 'DB_URL', 'files', 'm1'],
  otherName: ['', 'a', 'b'],
  names: ['a', 'b', 'a/b', 'payments/prod', 'KEY', 'DB_URL', 'files'],
  environment: ['a', 'b', 'a/b', 'payments/prod'],
  prefix: ['', '', 'a', 'payments/'],
  selector: ['', '', 'team=red', '!team', 'team in (red,blue)'],
  directory: ['/tmp/one', '/tmp/two', '/tmp/one/within'],
  token: [''],
  pageToken: [''],
  resumeToken: [''],
  value: ['', '1', 'x', 'true', '5s'],
  key: ['team', 'region'],
};

/** The same for the fields of one message, where the name alone would mislead. */
const likelyIn: Readonly<Record<string, readonly string[]>> = {
  'envcli.v1.VariableUpdate.name': ['KEY', 'DB_URL', 'A', 'B'],
  'envcli.v1.VariableCondition.name': ['KEY', 'DB_URL', 'A'],
};

/** Fields that seldom go with a request that is right otherwise. */
const seldom = new Set([
  'session',
  'conditions',
  'type',
  'maxLag',
  'token',
  'revision',
  'startRevision',
  'pageToken',
  'resumeToken',
  'consistency',
]);

const integers = [0n, 0n, 1n, 2n, 3n, 7n, 50n, 1_000n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)] as const;

/** Makes messages of any type from its descriptor. */
export class RandomMessages {
  readonly #dice: Dice;
  /** Texts that earlier answers held: tokens, mostly. */
  readonly #heard: string[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Remembers a text, to use it again. */
  hear(text: string): void {
    if (text === '') return;
    if (this.#heard.length < 200) this.#heard.push(text);
    else this.#heard[this.#dice.below(200)] = text;
  }

  of(desc: DescMessage, depth = 0): Message {
    const fields: Record<string, unknown> = {};
    for (const member of desc.members) {
      if (member.kind === 'oneof') {
        if (this.#dice.chance(0.1)) continue;
        const field = this.#dice.pick(member.fields);
        fields[member.localName] = { case: field.localName, value: this.#valueOf(field, depth) };
      } else if (this.#dice.chance(seldom.has(member.localName) ? 0.15 : 0.8))
        fields[member.localName] = this.#valueOf(member, depth);
    }
    return create(desc, fields as never);
  }

  #valueOf(field: DescField, depth: number): unknown {
    switch (field.fieldKind) {
      case 'message':
        return this.of(field.message, depth + 1);
      case 'scalar':
        return this.#scalar(field.scalar, field);
      case 'enum':
        return this.#dice.chance(0.05) ? 99 : this.#dice.pick(field.enum.values).number;
      case 'list':
        return Array.from({ length: this.#dice.pick([0, 1, 1, 1, 2, 3]) }, () => this.#item(field, depth));
      case 'map':
        return Object.fromEntries(Array.from({ length: this.#dice.below(3) }, () => [this.#text('key'), this.#text('value')]));
      default:
        return unreachable(field);
    }
  }

  #item(field: DescField & { fieldKind: 'list' }, depth: number): unknown {
    if (field.listKind === 'message') return this.of(field.message, depth + 1);
    if (field.listKind === 'enum') return this.#dice.pick(field.enum.values).number;
    return this.#scalar(field.scalar, field);
  }

  #scalar(type: ScalarType, field: DescField): unknown {
    const dice = this.#dice;
    if (type === ScalarType.STRING) return this.#text(field.localName, `${field.parent.typeName}.${field.localName}`);
    if (type === ScalarType.BOOL) return dice.chance(0.5);
    if (type === ScalarType.BYTES) {
      return dice.chance(0.8) ? new Uint8Array(16).fill(dice.below(5)) : new Uint8Array(dice.below(40)).fill(dice.below(256));
    }
    if (type === ScalarType.INT32) return dice.pick([0, 0, 1, 5, 50, 100, 101, 1_000, 2 ** 31 - 1, -1, -(2 ** 31)]);
    const integer = dice.pick(integers);
    return type === ScalarType.UINT64 ? BigInt.asUintN(64, integer) : integer;
  }

  #text(field: string, place = ''): string {
    const dice = this.#dice;
    if (this.#heard.length > 0 && /token/i.test(field) && dice.chance(0.5)) return dice.pick(this.#heard);
    const known = likelyIn[place] ?? likely[field];
    if (known !== undefined && dice.chance(0.9)) return dice.pick(known);
    if (dice.chance(0.8)) return dice.pick(texts);
    return String.fromCodePoint(
      ...Array.from({ length: dice.below(12) }, () => dice.pick([32 + dice.below(95), 0x100 + dice.below(0x1000)])),
    );
  }
}
