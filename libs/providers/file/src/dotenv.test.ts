import { execFileSync } from 'node:child_process';
import { parseEnv } from 'node:util';

import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { dotenvProblem, dotenvText } from './dotenv.ts';

const values = {
  EMPTY: '',
  PLAIN: 'abc',
  SPACES: '  a b  ',
  HASH: 'a #b',
  DOUBLE: 'say "x"',
  SINGLE: "it's",
  ONLY_SINGLE: "'",
  DOLLAR: 'a$b$$ ${HOME} $(id)',
  BACKTICK: '`id`',
  BACKSLASH: 'a\\b \\n \\t \\$',
  LINES: 'a\nB=c\n#d\n\n',
  SINGLE_LINES: "it's\nB='c'\n",
  UNICODE: 'žluť 🚀 \u2028\u00a0\ufeff',
  CONTROL: '\u0001\t\f\u007f',
  JSON: '{"a": "b", "c": "$d"}',
  EQUALS: 'a=b==c',
  PERCENT: '%s !a ~ * ?',
};

const variables = Object.entries(values).map(([name, value]) => ({ name, value }));

/** What a POSIX shell makes of a file that it sources. */
function sourced(text: string, names: readonly string[]): Record<string, string> {
  const print = names.map((name) => `printf '%s\\0' "$${name}"`).join('; ');
  const output = execFileSync('sh', ['-ec', `f=$(mktemp); cat >"$f"; . "$f"; rm "$f"; ${print}`], {
    input: text,
    encoding: 'utf8',
  });
  return Object.fromEntries(names.map((name, i) => [name, output.split('\0')[i] ?? '']));
}

describe('what is written is what readers that we did not write read', () => {
  test('sh', () => {
    expect(sourced(dotenvText('a comment', variables), Object.keys(values))).toEqual(values);
  });

  test('Node.js', () => {
    expect({ ...parseEnv(dotenvText('a comment', variables)) }).toEqual(values);
  });

  test('both agree on any text that is not refused', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', "'", '"', '$', '{', '}', '`', '\\', '\n', ' ', '#', '=', 'n', 'é') }),
      fc.string({ unit: 'binary' }),
    );
    const written = fc.array(text, { minLength: 1, maxLength: 40 }).map((all) => {
      const named = all.map((value, i) => ({ name: `V${i}`, value: value.replaceAll('\0', '') }));
      return named.filter((variable) => dotenvProblem(variable) === null);
    });
    fc.assert(
      fc.property(written, (kept) => {
        const expected = Object.fromEntries(kept.map(({ name, value }) => [name, value.toWellFormed()]));
        const file = dotenvText('a comment', kept).toWellFormed();
        expect({ ...parseEnv(file) }).toEqual(expected);
        expect(sourced(file, Object.keys(expected))).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});

describe('what not all readers read alike is refused, and the reason names no value', () => {
  test.each([
    ['a name with a dot', 'server.port', 'x'],
    ['a name with a hyphen', 'server-port', 'x'],
    ['both kinds of quotes', 'A', `it's "x"`],
    ["' with $", 'A', "it's $5"],
    ["' with `", 'A', "it's `x`"],
    ["' with \\", 'A', "it's \\n"],
    ['a carriage return', 'A', 'a\r\nb'],
    ['a zero byte', 'A', 'a\0b'],
    ['two backslashes', 'A', 'a\\\\b'],
    ['a backslash at the end', 'A', 'a\\'],
  ])('%s', (_why, name, value) => {
    const problem = dotenvProblem({ name, value });
    expect(problem).toContain('format json');
    expect(problem).not.toContain(value.length > 2 ? value : 'xxx');
  });
});
