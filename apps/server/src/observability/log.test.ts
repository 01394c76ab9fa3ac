import { expect, test } from '@jest/globals';

import { makeLog } from './log.ts';

function linesOf(format: 'json' | 'text'): string[] {
  const lines: string[] = [];
  const log = makeLog({ level: 'info', format, memberId: 7, write: (line) => lines.push(line) });
  log.debug('too little to be told');
  log.warn({ peer: '127.0.0.1:1', attempts: 2 }, 'a peer is away');
  return lines;
}

test('a line for programs is one JSON object with time, level and member', () => {
  const [line = '', ...others] = linesOf('json');
  expect(others).toEqual([]);
  expect(JSON.parse(line)).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    member: 7,
    peer: '127.0.0.1:1',
    attempts: 2,
    msg: 'a peer is away',
  });
});

test('a line for people is time, level, words, and facts behind them', () => {
  expect(linesOf('text')).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} warn {2}a peer is away peer=127\.0\.0\.1:1 attempts=2\n$/),
  ]);
});
