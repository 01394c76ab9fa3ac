/**
 * The suites that take longest, the longest first. A fresh clone has no figures of an earlier run, and one of these that began
 * last would be run while the other worker has nothing left to do.
 */
export const longestSuites: readonly string[] = [
  'test/faults/faults.test.ts',
  'libs/providers/aws/src/stories.test.ts',
  'libs/simulation/src/seeds.test.ts',
  'test/crash/member-crash.test.ts',
  'test/deploy/container.test.ts',
  'test/compat/upgrade.test.ts',
  'apps/server/src/cluster/membership.test.ts',
  'apps/server/src/member/member.test.ts',
  'test/secrets/disk.test.ts',
  'apps/server/src/random-requests.test.ts',
];

/** Puts {@link longestSuites} first, in their order; the others stay in theirs. `pathOf`: from the root of the repository. */
export function longestFirst<Suite>(suites: readonly Suite[], pathOf: (suite: Suite) => string): Suite[] {
  const placeOf = (suite: Suite): number => {
    const place = longestSuites.indexOf(pathOf(suite));
    return place < 0 ? longestSuites.length : place;
  };
  return suites.toSorted((a, b) => placeOf(a) - placeOf(b));
}
