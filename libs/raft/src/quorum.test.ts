import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import type { MemberId } from './entry.ts';
import { quorumOf, reachedByQuorum, tally } from './quorum.ts';
import { A, B, C, configurationOf, D, E, F, G, memberId } from './testing/test-member.ts';

test('a quorum is more than half, of even numbers too', () => {
  expect([1, 2, 3, 4, 5, 6, 7].map(quorumOf)).toEqual([1, 2, 2, 3, 3, 4, 4]);
});

describe('a value is reached by a quorum when more than half of the voters have reached it', () => {
  const cases = [
    // why                                      voters           outgoing   reached by each            by a quorum
    ['one voter', [A], [], { [A]: 7 }, 7],
    ['both of two', [A, B], [], { [A]: 7, [B]: 5 }, 5],
    ['two of three', [A, B, C], [], { [A]: 7, [B]: 5, [C]: 1 }, 5],
    ['three of four, not two', [A, B, C, D], [], { [A]: 7, [B]: 7, [C]: 3, [D]: 1 }, 3],
    ['three of five', [A, B, C, D, E], [], { [A]: 9, [B]: 8, [C]: 4, [D]: 1, [E]: 0 }, 4],
    ['one who has reached nothing', [A, B, C], [], { [A]: 7 }, 0],
    ['the slower half of a joint configuration decides', [A, B, C], [C, D, E], { [A]: 9, [B]: 9, [C]: 9, [D]: 2, [E]: 1 }, 2],
  ] as const;
  test.each(cases)('%s', (_why, voters, votersOutgoing, reached: Record<number, number>, expected) => {
    expect(reachedByQuorum(configurationOf(voters, { votersOutgoing }), (voter) => reached[voter] ?? 0)).toBe(expected);
  });
});

describe('an election is won by a quorum, lost when none can be had, of each half', () => {
  const cases = [
    // why                                voters     outgoing   granted    refused  result
    ['nobody has answered', [A, B, C], [], [], [], 'open'],
    ['half of four is no majority', [A, B, C, D], [], [A, B], [], 'open'],
    ['half of four refused: none is left', [A, B, C, D], [], [A], [C, D], 'lost'],
    ['two of three', [A, B, C], [], [A, C], [B], 'won'],
    ['votes of others count for nothing', [A, B, C], [], [A, F, G], [], 'open'],
    ['only the incoming half', [A, B, C], [C, D, E], [A, B], [], 'open'],
    ['both halves', [A, B, C], [C, D, E], [A, C, E], [], 'won'],
    ['the outgoing half refused', [A, B, C], [C, D, E], [A, B], [D, E], 'lost'],
  ] as const;
  test.each(cases)('%s', (_why, voters, votersOutgoing, granted, refused, expected) => {
    const votes = new Map<MemberId, boolean>();
    for (const id of granted) votes.set(id, true);
    for (const id of refused) votes.set(id, false);
    expect(tally(configurationOf(voters, { votersOutgoing }), votes)).toBe(expected);
  });
});

// The second implementation shares nothing with the first: it tries every subset that is large enough.
const voterSets = fc.uniqueArray(fc.integer({ min: 1, max: 9 }).map(memberId), { minLength: 1, maxLength: 7 });
const halves = fc.record({ voters: voterSets, votersOutgoing: fc.oneof(fc.constant([]), voterSets) });

/** For each number of voters, all sets of places that are more than half. */
const majorityPlaces = Array.from({ length: 8 }, (_, count) => {
  const places = Array.from({ length: count }, (_place, at) => at);
  const subsets = Array.from({ length: 2 ** count }, (_subset, bits) => places.filter((at) => (bits >> at) & 1));
  return subsets.filter((subset) => subset.length * 2 > count);
});

/** Whether some majority has it that `holds` for each of its voters. */
const someMajority = (voters: readonly MemberId[], holds: (voter: MemberId) => boolean): boolean =>
  majorityPlaces[voters.length]!.some((places) => places.every((at) => holds(voters[at]!)));

/** The highest value that all of some majority have reached. */
function bestOfMajorities(voters: readonly MemberId[], values: readonly number[]): number {
  let best = 0;
  for (const places of majorityPlaces[voters.length]!) {
    let least = Infinity;
    for (const at of places) least = Math.min(least, values[voters[at]!]!);
    best = Math.max(best, least);
  }
  return best;
}

/** What each voter has reached, or answered, by its number. */
const tenOf = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 10, maxLength: 10 });

test('quorum maths agree with a naive second implementation that tries every majority', () => {
  const reached = fc.property(halves, tenOf(fc.nat(12)), ({ voters, votersOutgoing }, values) => {
    const best = (half: readonly MemberId[]) => (half.length === 0 ? Infinity : bestOfMajorities(half, values));
    const found = reachedByQuorum(configurationOf(voters, { votersOutgoing }), (voter) => values.at(voter) ?? 0);
    return found === Math.min(best(voters), best(votersOutgoing));
  });
  expect(() => fc.assert(reached, { numRuns: 50_000 })).not.toThrow();
  const tallied = fc.property(halves, tenOf(fc.constantFrom(true, false, null)), ({ voters, votersOutgoing }, answers) => {
    const votes = new Map<MemberId, boolean>();
    for (const [at, answer] of answers.entries()) if (answer !== null) votes.set(memberId(at), answer);
    const all = [voters, votersOutgoing].filter((half) => half.length > 0);
    const won = all.every((half) => someMajority(half, (voter) => votes.get(voter) === true));
    const winnable = all.every((half) => someMajority(half, (voter) => votes.get(voter) !== false));
    return tally(configurationOf(voters, { votersOutgoing }), votes) === (won ? 'won' : winnable ? 'open' : 'lost');
  });
  expect(() => fc.assert(tallied, { numRuns: 50_000 })).not.toThrow();
});
