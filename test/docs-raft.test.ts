import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));
const textOf = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
const page = textOf('docs/raft.md');

interface Row {
  readonly testFile: string;
  readonly title: string;
  readonly codeFile: string;
  readonly name: string;
}

/** Each row of the tables ends with `file`: title of a test | `file`: `name` in the code. */
const rows = [...page.matchAll(/`([^`]+)`: ([^|\n]+?) +\| `([^`]+)`: `(\w+)` +\|$/gm)].map(
  ([, testFile, title, codeFile, name]) => ({ testFile, title, codeFile, name }) as Row,
);

/** A function, a class, or the whole head of a method: a call that is indented as much has no brace behind its parenthesis. */
function definitionOf(name: string): RegExp {
  const parameters = String.raw`\((.*|.*\n(    .*\n)+  .*)\)`;
  const returned = String.raw`(: (?!.*=> \{$).+)?`;
  return new RegExp(String.raw`^(export )?(function|class) ${name}\b|^  (get )?${name}${parameters}${returned} \{$`, 'm');
}

/** Known bugs of other engines, numbered from 1. */
const checks = 51;

/** The tests of etcd/raft that go through the paper, section by section (raft_paper_test.go). */
const paper =
  'TestFollowerUpdateTermFromMessage TestCandidateUpdateTermFromMessage TestLeaderUpdateTermFromMessage TestRejectStaleTermMessage ' +
  'TestStartAsFollower TestLeaderBcastBeat TestFollowerStartElection TestCandidateStartNewElection TestLeaderElectionInOneRoundRPC ' +
  'TestFollowerVote TestCandidateFallback TestFollowerElectionTimeoutRandomized TestCandidateElectionTimeoutRandomized ' +
  'TestFollowersElectionTimeoutNonconflict TestCandidatesElectionTimeoutNonconflict TestLeaderStartReplication TestLeaderCommitEntry ' +
  'TestLeaderAcknowledgeCommit TestLeaderCommitPrecedingEntries TestFollowerCommitEntry TestFollowerCheckMsgApp ' +
  'TestFollowerAppendEntries TestLeaderSyncFollowerLog TestVoteRequest TestVoter TestLeaderOnlyCommitsLogFromCurrentTerm';

describe('a definition is told from a call', () => {
  const sources: readonly (readonly [source: string, defines: boolean])[] = [
    ['export function take(a: A): void {', true],
    ['  take(a: A, done: (b: B) => void): void {', true],
    ['  get take(): A {', true],
    ['  take({\n    a,\n    b,\n  }: Both): A {', true],
    ['  take(\n    a: A,\n  ) {', true],
    ['  take(a);', false],
    ['  take(a, () => {\n    b();\n  });', false],
    ['  take((a): void => {\n    b();\n  });', false],
    ['    take(a: A): void {', false],
  ];
  test.each(sources)('%j', (source, defines) => {
    expect(definitionOf('take').test(source)).toBe(defines);
  });
});

describe('docs/raft.md names what is there', () => {
  test.each(rows)('$testFile: $title', ({ testFile, title, codeFile, name }) => {
    // Prettier puts a title with an apostrophe into double quotes, so that it stands in the source as it is.
    expect(textOf(testFile)).toContain(testFile.endsWith('.story') ? `# ${title}\n` : title);
    expect(textOf(codeFile)).toMatch(definitionOf(name));
  });

  test('each claim has its own proof', () => {
    const proofs = rows.map(({ testFile, title }) => `${testFile}: ${title}`);
    expect(proofs.filter((proof, at) => proofs.indexOf(proof) !== at)).toEqual([]);
    // A row that is written in another way would be passed over.
    expect(rows.length).toBe(
      page.split('\n').filter((line) => /`(libs|apps)\/.*\/src\//.test(line) && line.startsWith('|')).length,
    );
  });

  test('so is every number of the check-list, or the reason why it is not applicable', () => {
    const named = [
      ...page.matchAll(/^\| ([\d, ]+?) *\|/gm),
      // Further numbers that one row proves.
      ...page.matchAll(/^\|.*?; (\d[\d, ]*?)(?::| +\|)/gm),
      ...page.matchAll(/^- (\d+) \(.+\): ./gm),
    ].flatMap(([, numbers = '']) => numbers.split(',').map(Number));
    expect(Array.from({ length: checks }, (_, at) => at + 1).filter((number) => !named.includes(number))).toEqual([]);
  });

  test('every claim of the paper is among them', () => {
    expect(paper.split(' ').filter((name) => !page.includes(name))).toEqual([]);
  });
});
