import { expect, test } from '@jest/globals';
import type { Index, Term } from '@env-cli/raft';

import { RoundTrips } from './round-trips.ts';

const term = 1 as Term;
const beat = (round: number) => ({ kind: 'heartbeat', term, round, commit: 0 as Index }) as const;
const reply = (round: number) => ({ kind: 'heartbeat-reply', term, round }) as const;

test('from a heartbeat to the answer of its own round is one round trip, in all buckets that hold it', () => {
  const trips = new RoundTrips();
  trips.sent(2, beat(7), 1_000);
  trips.sent(2, beat(8), 1_010);
  trips.received(2, reply(7), 1_030);
  // That of a round that was not measured.
  trips.received(2, reply(8), 1_500);
  const figures = trips.figures([2]);
  expect(figures['peer_round_trip_seconds_count{peer="2"}']).toBe(1);
  expect(figures['peer_round_trip_seconds_sum{peer="2"}']).toBeCloseTo(0.03);
  expect(figures['peer_round_trip_seconds_bucket{peer="2",le="0.025"}']).toBe(0);
  expect(figures['peer_round_trip_seconds_bucket{peer="2",le="0.05"}']).toBe(1);
  expect(figures['peer_round_trip_seconds_bucket{peer="2",le="+Inf"}']).toBe(1);
});

test('a heartbeat whose answer is lost is measured by nobody else’s answer, and is not waited for for ever', () => {
  const trips = new RoundTrips();
  const count = () => trips.figures([2, 3])['peer_round_trip_seconds_count{peer="2"}'];
  trips.sent(2, beat(1), 0);
  trips.received(3, reply(1), 5);
  trips.received(2, reply(2), 400);
  expect(count()).toBe(0);
  trips.sent(2, beat(3), 500);
  trips.sent(2, beat(4), 5_500);
  trips.received(2, reply(3), 5_501);
  expect(count()).toBe(0);
  trips.received(2, reply(4), 5_502);
  expect(count()).toBe(1);
});

test('a member that is none any more has no figures', () => {
  const trips = new RoundTrips();
  trips.sent(2, beat(1), 0);
  expect(trips.figures([])).toEqual({});
});
