import type { VariableParser } from './variables.ts';

const numberPattern = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const durationPattern = /^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h|d))+$/;
const durationPart = /([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h|d)/g;
const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

/** Longer texts are no number and no duration. */
const numberLengthMax = 400;
const durationLengthMax = 100;

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function refused(must: string): never {
  throw new TypeError(`must be ${must}`);
}

/**
 * Parsers for the schema of a live environment. They take what the cluster takes for a variable of the type of that name.
 *
 * None of their messages holds the value.
 */
export const parse = {
  /** Any text, the empty one included. */
  text: (text: string): string => text,

  /** A decimal number as JSON writes it. */
  number: (text: string): number =>
    text.length <= numberLengthMax && numberPattern.test(text) ? Number(text) : refused('a decimal number, as in -12.5e3'),

  /** An integer of at most 2^53 - 1, without a fraction or an exponent. */
  integer: (text: string): number => {
    const value = /^-?(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : NaN;
    return Number.isSafeInteger(value) ? value : refused('an integer, as in 8080');
  },

  /** `true` or `false`. */
  boolean: (text: string): boolean => (text === 'true' || text === 'false' ? text === 'true' : refused('true or false')),

  /** A JSON text. What it holds is for the caller to check. */
  json: (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      // The message of JSON.parse quotes the text.
      return refused('a JSON text');
    }
  },

  /** An absolute URL. */
  url: (text: string): URL => {
    if (!URL.canParse(text)) refused('an absolute URL, as in https://example.org/');
    return new URL(text);
  },

  /** Numbers with units (ns, us, ms, s, m, h, d), as in `1h30m`. Answers milliseconds. */
  durationMs: (text: string): number => {
    if (text.length > durationLengthMax || !durationPattern.test(text)) refused('numbers with units, as in 300ms or 1h30m');
    return [...text.matchAll(durationPart)].reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit!]!, 0);
  },

  /** Bytes in base64, with its padding. */
  bytes: (text: string): Uint8Array =>
    text.length % 4 === 0 && base64Pattern.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : refused('bytes in base64'),

  /** One of these texts. */
  oneOf: <const V extends string>(...allowed: readonly V[]): VariableParser<V> => {
    return (text) => (allowed.includes(text as V) ? (text as V) : refused(`one of ${allowed.join(', ')}`));
  },

  /** The same, for a variable that may be missing: it is then undefined. */
  optional: <V>(parser: VariableParser<V>): VariableParser<V | undefined> =>
    Object.assign((text: string): V | undefined => parser(text), { absent: () => undefined }),

  /** The same, for a variable that may be missing: it is then `value`. */
  withDefault: <V>(parser: VariableParser<V>, value: NoInfer<V>): VariableParser<V> =>
    Object.assign((text: string): V => parser(text), { absent: () => value }),
};
