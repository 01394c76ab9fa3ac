import { stripVTControlCharacters } from 'node:util';

import type { Variable } from '@env-cli/client';
import { eastAsianWidth } from 'get-east-asian-width';

import type { Style } from './style.ts';

/** Places of a line that a value takes unless it says otherwise. */
const valueCharactersMax = 120;

/** A text as one line that cannot move the cursor or colour the terminal, whatever somebody has stored. */
export function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => escapes[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The value of a variable on one line of `charactersMax` places at most: a secret that is masked is its length. */
export function shownValue({ value, valueBytes }: Variable, style: Style, charactersMax = valueCharactersMax): string {
  if (value === null) return style.dim(`(secret, ${count(valueBytes, 'byte')})`);
  const line = oneLine(value);
  if (width(line) <= charactersMax) return line;
  const rest = `… (${count(valueBytes, 'byte')})`;
  return `${cutTo(line, Math.max(0, charactersMax - width(rest)))}${style.dim(rest)}`;
}

/** The places of a line that a text takes on a terminal. */
export function width(text: string): number {
  // Nearly all text is ASCII, whose width is its length.
  if (/^[\x20-\x7E]*$/.test(text)) return text.length;
  const plain = stripVTControlCharacters(text);
  if (/^[\x20-\x7E]*$/.test(plain)) return plain.length;
  return segmentsOf(plain).reduce((sum, segment) => sum + segmentWidth(segment), 0);
}

/** The beginning of a text without colours, at most so many places wide. */
export function cutTo(text: string, places: number): string {
  let cut = '';
  let left = places;
  for (const segment of segmentsOf(text)) {
    left -= segmentWidth(segment);
    if (left < 0) break;
    cut += segment;
  }
  return cut;
}

let graphemes: Intl.Segmenter | null = null;

/** What a person takes for one character each. The tables behind it take longer to load than a short command takes. */
function segmentsOf(text: string): readonly string[] {
  graphemes ??= new Intl.Segmenter();
  return [...graphemes.segment(text)].map(({ segment }) => segment);
}

/** A sequence that is drawn as one picture takes two places, whatever it is made of; marks and joiners alone take none. */
function segmentWidth(segment: string): number {
  if (/\p{Emoji_Presentation}|\uFE0F/u.test(segment)) return 2;
  const [first = ''] = segment;
  return /^[\p{M}\p{Cf}]/u.test(first) ? 0 : eastAsianWidth(first.codePointAt(0)!);
}

/** The lines of a screen that a text fills. */
export function lineCount(text: string, columns: number): number {
  return stripVTControlCharacters(text)
    .split('\n')
    .slice(0, -1)
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
}

/** `1 byte`, `2 bytes`, `12,345 bytes`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** `512 B`, `1.5 KiB`, `3.0 GiB`. */
export function size(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** A moment in UTC to the second: `2026-11-23 07:42:13Z`. Empty when it is not known. */
export function moment(time: Date | null): string {
  return time === null
    ? ''
    : time
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z');
}

/** How long ago a moment was: `2 minutes ago`. */
export function ago(time: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - time.getTime()) / 1000));
  if (seconds < 60) return `${count(seconds, 'second')} ago`;
  if (seconds < 3600) return `${count(Math.floor(seconds / 60), 'minute')} ago`;
  if (seconds < 86_400) return `${count(Math.floor(seconds / 3600), 'hour')} ago`;
  return `${count(Math.floor(seconds / 86_400), 'day')} ago`;
}

/** Labels as they are written: `team=payments,tier=prod`. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
