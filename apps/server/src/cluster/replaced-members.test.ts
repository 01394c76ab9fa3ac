import { expect, test } from '@jest/globals';

import { peer } from '../testing/peer.ts';
import { replacedMembers } from './replaced-members.ts';

const gone = { voter: false, takesPart: false };

test.each([
  ['nobody while nobody is replaced', [peer(1), peer(2)], []],
  ['nobody while the new one does not take part', [peer(1), peer(2, { ...gone, replaces: 1 })], []],
  ['nobody while the new one learns', [peer(1), peer(2, { voter: false, replaces: 1 })], []],
  ['the old one out, where the new one was let in alone', [peer(1), peer(2, { replaces: 1 })], [{ memberId: 1, step: 'remove' }]],
  ['the old one out also as a learner', [peer(1, { voter: false }), peer(2, { replaces: 1 })], [{ memberId: 1, step: 'remove' }]],
  ['the old one forgotten, when it is out', [peer(1, gone), peer(2, { replaces: 1 })], [{ memberId: 1, step: 'forget' }]],
  [
    'all of several',
    [peer(1), peer(2, gone), peer(3, { replaces: 1 }), peer(4, { replaces: 2 })],
    [
      { memberId: 1, step: 'remove' },
      { memberId: 2, step: 'forget' },
    ],
  ],
])('who leads lets %s', (_what, members, replaced) => {
  expect(replacedMembers({ members, configurationConfirmed: true })).toEqual(replaced);
});

test('who leads forgets nobody whose vote might be needed still', () => {
  const members = [peer(1, gone), peer(2, { replaces: 1 })];
  expect(replacedMembers({ members, configurationConfirmed: false })).toEqual([]);
});
