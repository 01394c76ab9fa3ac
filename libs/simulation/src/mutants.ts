/** One sentence of the source, and what stands in its place. */
interface Edit {
  /** Under `libs/`. */
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A bug that somebody wrote once, planted again to see whether the simulator finds it. */
export interface Mutant {
  /** What is wrong, in one sentence. */
  readonly name: string;
  /** The number in the check-list of docs/raft.md, or – for a bug of our own. */
  readonly item: string;
  readonly edits: readonly Edit[];
}

const raft = (file: string, find: string, replace: string): Edit => ({ file: `raft/src/${file}`, find, replace });
const replica = (file: string, find: string, replace: string): Edit => ({ file: `replica/src/${file}`, find, replace });
const keyspace = (file: string, find: string, replace: string): Edit => ({ file: `keyspace/src/${file}`, find, replace });

/** Nobody remembers what other disks claimed: what is left is what Raft itself promises. */
const nobodyRemembers = replica(
  'disk-memory.ts',
  'const claimed = higherOf(life.claimed, standing);',
  'const claimed = life.claimed;',
);
const voteIsForgotten = replica(
  'replica.ts',
  'this.#ports.log.append({ hardState: effect.hardState, entries: effect.entries }, () =>',
  'this.#ports.log.append({ hardState: effect.hardState && { ...effect.hardState, votedFor: null }, entries: effect.entries }, () =>',
);

/** One more bug is one more entry. Each is found by a run of seeds, or the tests fail. */
export const mutants: readonly Mutant[] = [
  { item: '1', name: 'a vote is not durable', edits: [voteIsForgotten, nobodyRemembers] },
  { item: '1', name: 'a vote is not durable, and the others remember it', edits: [voteIsForgotten] },
  {
    item: '1',
    name: 'a term is not durable',
    edits: [
      replica(
        'replica.ts',
        'this.#ports.log.append({ hardState: effect.hardState, entries: effect.entries }, () =>\n',
        'this.#ports.log.append({ hardState: null, entries: effect.entries }, () =>\n',
      ),
      nobodyRemembers,
    ],
  },
  {
    item: '1',
    name: 'a candidacy is heard of before it is durable',
    edits: [
      raft(
        'election.ts',
        'if (id !== member.id) member.out.promise(id, request);',
        "if (id !== member.id) member.out.push({ kind: 'send', to: id, message: request });",
      ),
    ],
  },
  {
    item: '2',
    name: 'a change of role takes the vote back',
    edits: [raft('roles.ts', '  leaveRole(member, leader);\n', '  leaveRole(member, leader);\n  member.votedFor = null;\n')],
  },
  {
    item: '3',
    name: 'a promise does not wait for the disk',
    edits: [
      raft('step-output.ts', 'this.#promises.push({ to, message });', "this.#effects.push({ kind: 'send', to, message });"),
    ],
  },
  {
    item: '4',
    name: 'a vote is given without a look at the log',
    edits: [
      raft(
        'election.ts',
        'canVoteFor(member, from) && member.log.isCoveredBy(lastIndex, lastTerm);',
        'canVoteFor(member, from);',
      ),
      raft(
        'election.ts',
        'const granted = free && !hearsLeader(member) && covered;',
        'const granted = free && !hearsLeader(member);',
      ),
    ],
  },
  {
    item: '5',
    name: 'half of the voters are a quorum',
    edits: [raft('quorum.ts', 'Math.floor(voterCount / 2) + 1', 'Math.ceil(voterCount / 2)')],
  },
  {
    item: '6',
    name: 'a grant to a pre-vote counts as a vote',
    edits: [
      raft(
        'election.ts',
        "if (member.role.kind !== 'pre-candidate' || (granted && term !== member.term + 1)) return;",
        "if (member.role.kind !== 'pre-candidate' && member.role.kind !== 'candidate') return;",
      ),
    ],
  },
  {
    item: '2',
    name: 'a second vote is given in a term',
    edits: [raft('election.ts', '(member.votedFor === null && leaderOf(member) === null)', 'leaderOf(member) === null')],
  },
  {
    item: '4',
    name: 'the longer log wins, whatever its last term',
    edits: [
      raft(
        'log-view.ts',
        'term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex)',
        'term >= 0 && index >= this.lastIndex',
      ),
    ],
  },
  {
    item: '6',
    name: 'a vote of an earlier term counts',
    edits: [
      raft(
        'receiving.ts',
        'if (message.term < member.term) return refuseEarlierTerm',
        "if (message.term < member.term && message.kind !== 'vote-reply') return refuseEarlierTerm",
      ),
    ],
  },
  {
    item: '13',
    name: 'an entry of an earlier term is committed by counting',
    edits: [raft('replication.ts', ' && log.has(reached, member.term)', '')],
  },
  {
    item: '14',
    name: 'a late append truncates what came after it',
    edits: [
      raft(
        'following.ts',
        'if (previousIndex === member.log.lastIndex) return entries;',
        'if (entries.length >= 0) return entries;',
      ),
    ],
  },
  {
    item: '15',
    name: 'a heartbeat commits what the follower may not have',
    edits: [
      raft(
        'rounds.ts',
        'const commit = progress.matchIndex < commitIndex ? progress.matchIndex : commitIndex;',
        'const commit = commitIndex;',
      ),
      raft(
        'following.ts',
        'member.log.commitTo(commit);\n  member.out.send',
        'member.log.commitTo(Math.min(commit, member.log.lastIndex) as Index);\n  member.out.send',
      ),
    ],
  },
  {
    item: '18',
    name: 'a match index falls',
    edits: [raft('progress.ts', 'if (index <= this.matchIndex) return false;', 'if (index === this.matchIndex) return false;')],
  },
  {
    item: '19',
    name: 'a write attests what a later one overwrote',
    edits: [
      raft(
        'writes.ts',
        'for (const write of this.#pending) write.attestedIndex = Math.min(write.attestedIndex, first - 1) as Index;',
        '',
      ),
    ],
  },
  {
    item: '–',
    name: 'entries are taken behind one of another term',
    edits: [raft('following.ts', '!log.has(previousIndex, previousTerm)', 'previousIndex > log.lastIndex')],
  },
  {
    item: '20',
    name: 'a leader counts itself before its own disk has it',
    edits: [raft('replication.ts', 'voter === member.id ? log.flushedIndex', 'voter === member.id ? log.lastIndex')],
  },
  {
    item: '21',
    name: 'a proposal that may yet be committed is told as refused',
    edits: [
      replica(
        'replica.ts',
        "this.#ports.origin.refused(countersOf(local), 'outcome-unknown');",
        "this.#ports.origin.refused(countersOf(local), 'no-leader');",
      ),
    ],
  },
  {
    item: '21',
    name: 'a batch that was forwarded for an earlier reign is proposed',
    edits: [
      replica(
        'replica.ts',
        "if (forwardedBy !== null && (this.#role !== 'leader' || this.#term !== forwardedBy.term)) {",
        "if (forwardedBy !== null && this.#role !== 'leader') {",
      ),
    ],
  },
  {
    item: '22',
    name: 'nothing is sent into a full window',
    edits: [
      raft('replication.ts', 'if (!pending && !ask) return;', 'if (!pending && (!ask || progress.inflights.full)) return;'),
    ],
  },
  {
    item: '23',
    name: 'a write is acknowledged before its sync',
    edits: [
      replica(
        'replica.ts',
        "    this.#ports.log.append({ hardState: effect.hardState, entries: effect.entries }, () =>\n      this.#note({ kind: 'durable', effect }),\n    );",
        "    this.#note({ kind: 'durable', effect });\n    this.#ports.log.append({ hardState: effect.hardState, entries: effect.entries }, () => undefined);",
      ),
    ],
  },
  {
    item: '23',
    name: 'a member applies what its own log has not flushed',
    edits: [raft('applying.ts', '(Math.min(log.commitIndex, log.flushedIndex) + 1)', '(log.commitIndex + 1)')],
  },
  {
    item: '24',
    name: 'the applied index is not in the transaction that applies',
    edits: [
      keyspace(
        'state-transaction.ts',
        'encodeProgress(new ByteWriter(128), this.progress)',
        'encodeProgress(new ByteWriter(128), { ...this.progress, appliedIndex: this.progress.appliedIndex - 1 })',
      ),
    ],
  },
  {
    item: '27',
    name: 'the log lets go of what no checkpoint holds',
    edits: [
      replica(
        'replica.ts',
        'const index = Math.min(this.#checkpointIndex, status.appliedIndex, this.#holds.letGoTo(unneeded, status, this.#turnMs));',
        'const index = Math.min(status.appliedIndex, this.#holds.letGoTo(unneeded, status, this.#turnMs));',
      ),
    ],
  },
  {
    item: '28',
    name: 'an older disk is let in',
    edits: [replica('disk-memory.ts', 'if (lack === null) return null;', 'if (lack !== undefined) return null;')],
  },
  {
    item: '28',
    name: 'a process is measured by its own claims',
    edits: [replica('disk-memory.ts', 'disk.lives.filter((life) => life.startNonce !== startNonce)', 'disk.lives')],
  },
  {
    item: '28',
    name: 'a member claims entries that may still go',
    edits: [
      replica(
        'replica.ts',
        'Math.min(flushedIndex, commitIndex)) ?? this.found',
        'this.#ports.raft.status().lastIndex) ?? this.found',
      ),
    ],
  },
  {
    item: '31',
    name: 'an old snapshot takes the state back',
    edits: [raft('following.ts', 'if (!known && index > log.commitIndex) {', 'if (!known) {')],
  },
  {
    item: '33',
    name: 'a snapshot lacks the sessions',
    edits: [
      {
        file: 'keyspace/src/memory-tables.ts',
        find: 'for (const name of tableNames) {\n      const { keys, values } = this.#tables[name];',
        replace:
          "for (const name of tableNames) {\n      if (name === 'sessions') continue;\n      const { keys, values } = this.#tables[name];",
      },
    ],
  },
  {
    item: '35',
    name: 'a second change of the members does not wait for the first',
    edits: [raft('membership.ts', "if (pending !== undefined) return { code: 'change-in-flight', index: pending };", '')],
  },
  {
    item: '36',
    name: 'whoever knows of a committed configuration that it has not adopted stands',
    edits: [raft('election.ts', 'return isCurrent && isVoter', 'return isVoter')],
  },
  {
    item: '36',
    name: 'of two configurations in a log the first is not taken for committed',
    edits: [raft('log-view.ts', 'if (certain !== undefined) this.commitTo(certain);', '')],
  },
  {
    item: '39',
    name: 'of a joint configuration one half commits',
    edits: [
      raft(
        'quorum.ts',
        'return Math.min(incoming, reachedByMajority(configuration.votersOutgoing, reachedBy));',
        'return incoming;',
      ),
    ],
  },
  {
    item: '39',
    name: 'of a joint configuration one half elects',
    edits: [
      raft('quorum.ts', 'const outgoing = tallyMajority(configuration.votersOutgoing, votes);', 'const outgoing = incoming;'),
    ],
  },
  {
    item: '–',
    name: 'a removal is said to be done before a quorum is certain to know it',
    edits: [raft('applying.ts', 'haveSameQuorums(before, member.configuration)', 'before !== null')],
  },
  {
    item: '40',
    name: 'a leader grants a read before it has committed in its own term',
    edits: [raft('rounds.ts', 'if (!log.has(log.commitIndex, member.term)) return reign.reads.postpone(wish);', '')],
  },
  {
    item: '–',
    name: 'a read index is given without a quorum',
    edits: [raft('rounds.ts', 'reads.confirm(confirmed)', 'reads.confirm(Math.max(confirmed, reads.begun))')],
  },
  {
    item: '44',
    name: 'a follower takes the answer to an earlier question',
    edits: [
      raft(
        'read-requests.ts',
        'const open = this.#waiting.findIndex((read) => read.request > request);\n    return this.#waiting.splice(0, open < 0 ? this.#waiting.length : open)',
        'return this.#waiting.splice(0)',
      ),
    ],
  },
  {
    item: '–',
    name: 'a probe vouches for a state that has not applied so much',
    edits: [
      replica(
        'freshness.ts',
        'if (probe.index <= appliedIndex) return probe.sentMs;',
        'if (probe.index >= 0 && appliedIndex >= 0) return probe.sentMs;',
      ),
    ],
  },
  {
    item: '46',
    name: 'a retry is applied twice',
    edits: [keyspace('sessions.ts', "if (kept !== null) return { kind: 'replay', result: kept };", '')],
  },
  {
    item: '46',
    name: 'a result is forgotten that a client may still ask for',
    edits: [
      keyspace('sessions.ts', 'results.dropBelow(place.firstIncomplete);', 'results.dropBelow(place.firstIncomplete + 1);'),
    ],
  },
  {
    item: '47',
    name: 'apply looks at something that is not in the entry',
    edits: [
      {
        file: 'environments/src/state-machine.ts',
        find: 'return this.#applier.apply(entry);',
        replace:
          'const outcome = this.#applier.apply(entry);\n    if (entry.index % 16 === 0 && Math.random() < 0.1) this.#transaction.progress.clusterTimeMs++;\n    return outcome;',
      },
    ],
  },
  {
    item: '48',
    name: 'a watch that goes on elsewhere is told a revision twice',
    edits: [keyspace('change-log.ts', 'let from = changeKey(after + 1, 0);', 'let from = changeKey(Math.max(1, after), 0);')],
  },
  {
    item: '51',
    name: 'a late report removes the row of a newer change',
    edits: [
      {
        file: 'mirroring/src/mirror-state.ts',
        find: 'if (row === null || row.enqueuedIndex > report.enqueuedIndex || row.revision > report.revision) return;',
        replace: 'if (row === null) return;',
      },
    ],
  },
];
