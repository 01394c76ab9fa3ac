import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { dotenvAssignment, parseDotenv } from './dotenv.ts';

const read = (text: string): Record<string, string> =>
  Object.fromEntries(parseDotenv(text).map(({ name, value }) => [name, value]));

describe('a dotenv text is read', () => {
  test.each<[string, string, Record<string, string>]>([
    ['bare values, trimmed', 'A=1\nB =  two words  \nC=', { A: '1', B: 'two words', C: '' }],
    ['an export before the name', 'export A=1\nexport\tB=2', { A: '1', B: '2' }],
    ['blank lines and comments', '\n# A=0\n   # more\n\nA=1 # not this\nB=a#b\nC=#x\nD= # y', { A: '1', B: 'a#b', C: '', D: '' }],
    ['single quotes, as they are', String.raw`A='a\nb $X "y" # z'`, { A: String.raw`a\nb $X "y" # z` }],
    ['double quotes, with their escapes', String.raw`A="a\nb\tc\"d\\e\$f\x"`, { A: 'a\nb\tc"d\\e$f\\x' }],
    ['back quotes, as they are', 'A=`it\'s "so"`', { A: 'it\'s "so"' }],
    ['quotes over several lines', 'A="one\ntwo"\nB=\'three\n\nfour\'\nC=5', { A: 'one\ntwo', B: 'three\n\nfour', C: '5' }],
    ['a comment behind a quoted value', 'A="x" # y\nB=\'x\'#y', { A: 'x', B: 'x' }],
    ['CRLF', 'A=1\r\nB="two\r\nlines"\r\n\r\nC=3\r\n', { A: '1', B: 'two\nlines', C: '3' }],
    ['a byte order mark', '\uFEFFA=1', { A: '1' }],
    ['an equals sign in a value', 'A=b=c==', { A: 'b=c==' }],
    ['no expansion', 'A=${B} $(date)', { A: '${B} $(date)' }],
    ['names with . and -', 'spring.datasource-url=x', { 'spring.datasource-url': 'x' }],
    ['a quote inside a bare value', "A=it's", { A: "it's" }],
    ['nothing', '', {}],
    ['text of any language', 'A=héllo 🌍', { A: 'héllo 🌍' }],
  ])('%s', (_why, text, variables) => {
    expect(read(text)).toEqual(variables);
  });

  test('with the line of each', () => {
    expect(parseDotenv('A=1\n\nB="x\ny"\nC=3').map(({ name, line }) => [name, line])).toEqual([
      ['A', 1],
      ['B', 3],
      ['C', 5],
    ]);
  });
});

describe('what is no dotenv text is refused with its line', () => {
  test.each<[string, string, number, string]>([
    ['no equals sign', 'A=1\nB', 2, "there is no '='"],
    ['a name that begins with a digit', '1A=x', 1, "before the '=' is no name"],
    ['a name with a space', 'A=1\n\nA B=x', 3, "before the '=' is no name"],
    ['no name', '=x', 1, "before the '=' is no name"],
    ['an open double quote', 'A=1\nB="x\ny\nz', 2, 'the quote " that opens here is never closed'],
    ['an open single quote', "A='x", 1, "the quote ' that opens here is never closed"],
    ['text behind a closing quote', 'A="x\ny" z', 2, 'there is text behind the closing "'],
    ['a name that comes twice', 'A=1\nB=2\nA=3', 3, 'A stands in line 1 already'],
    ['a zero byte', 'A=1\nB=\0', 2, 'a zero byte'],
    ['YAML', 'A: 1', 1, "there is no '='"],
  ])('%s', (_why, text, line, problem) => {
    expect(() => parseDotenv(text)).toThrow(
      expect.objectContaining({ name: 'DotenvError', line, message: expect.stringContaining(problem) }),
    );
  });
});

test('a refusal shows nothing of a key whose quotes were forgotten', () => {
  const lines = ['A=-----BEGIN PRIVATE KEY-----', 'MIIEvQ+hunter2', 'c2VjcmV0/aHVudGVyMg=='];
  for (const text of [lines.join('\n'), `${lines[0]}\n${lines[2]}`]) {
    expect(() => parseDotenv(text)).toThrow(
      expect.objectContaining({ line: 2, message: expect.not.stringMatching(/MIIEvQ|hunter2|c2Vj|aHVu/) }),
    );
  }
});

test('whatever is written is read back as it was', () => {
  const value = fc.string({
    unit: fc.oneof(
      fc.constantFrom('"', "'", '\\', '$', '`', '#', '\n', '\r', ' ', 'n'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(
      fc.array(
        value.filter((text) => !text.includes('\0')),
        { maxLength: 5 },
      ),
      (values) => {
        const text = values.map((each, i) => dotenvAssignment(`V${i}`, each)).join('');
        expect(parseDotenv(text).map(({ value: back }) => back)).toEqual(values);
      },
    ),
  );
});
