import pc from 'picocolors';
import { describe, expect, test } from '@jest/globals';

import { table, type Column, type TableFrame } from './table.ts';
import { cutTo, width } from './text.ts';

const columns: readonly Column[] = [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: 'NOTE', wraps: true }];

function frame(places: number | null): TableFrame {
  const stdout = { isTTY: places !== null, ...(places === null ? {} : { columns: places }), write: () => true };
  return { io: { stdout } as unknown as TableFrame['io'], style: pc.createColors(false) };
}

describe('a table', () => {
  test('is as wide as its cells off a terminal', () => {
    const note = 'words '.repeat(40).trim();
    expect(table(columns, [['a', '1', note]], frame(null))).toBe(`NAME  N  NOTE\na     1  ${note}\n`);
  });

  test('wraps the columns that may at the width of the terminal, and no other', () => {
    const drawn = table(columns, [['a', '1', 'one two three four five six']], frame(24));
    expect(drawn).toBe('NAME  N  NOTE\na     1  one two three\n         four five six\n');
  });

  test('breaks a word that is longer than its column', () => {
    const drawn = table(columns, [['a', '1', 'x'.repeat(20)]], frame(24));
    expect(drawn).toBe(`NAME  N  NOTE\na     1  ${'x'.repeat(15)}\n         ${'x'.repeat(5)}\n`);
  });

  test('is aligned by what characters are wide, not by how many they are', () => {
    const drawn = table(
      columns,
      [
        ['日本', '1', '宽'],
        ['e\u0301', '2', '👩‍👩‍👧'],
        ['abcd', '10', 'x'],
      ],
      frame(80),
    );
    expect(drawn).toBe('NAME   N  NOTE\n日本   1  宽\ne\u0301      2  👩‍👩‍👧\nabcd  10  x\n');
  });
});

test.each([
  ['abc', 3],
  ['', 0],
  ['日本語', 6],
  ['e\u0301', 1],
  ['👩‍👩‍👧', 2],
  ['❤️', 2],
  ['ﾊﾝｶｸ', 4],
  ['\u001B[31mred\u001B[39m', 3],
  ['→', 1],
])('%j takes %i places', (text, places) => {
  expect(width(text)).toBe(places);
});

test('a text is cut between characters, never within one', () => {
  expect(cutTo('日本語', 5)).toBe('日本');
  expect(cutTo('a👩‍👩‍👧b', 2)).toBe('a');
  expect(cutTo('a👩‍👩‍👧b', 3)).toBe('a👩‍👩‍👧');
});
