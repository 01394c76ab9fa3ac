import type { Variable } from '@env-cli/client';

import type { Style } from './style.ts';

/** Characters of a value that a line shows unless it says otherwise. */
const valueCharactersMax = 120;

/** A text as one line that cannot move the cursor or colour the terminal, whatever somebody has stored. */
export function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => escapes[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The value of a variable on one line of `charactersMax` at most: a secret that is masked is its length. */
export function shownValue({ value, valueBytes }: Variable, style: Style, charactersMax = valueCharactersMax): string {
  if (value === null) return style.dim(`(secret, ${count(valueBytes, 'byte')})`);
  const line = oneLine(value);
  if (line.length <= charactersMax) return line;
  const rest = `… (${count(valueBytes, 'byte')})`;
  // The cut may fall into the middle of a character.
  return `${line.slice(0, Math.max(0, charactersMax - rest.length)).toWellFormed()}${style.dim(rest)}`;
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
