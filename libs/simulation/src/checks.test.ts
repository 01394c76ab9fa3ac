import { describe, expect, test } from '@jest/globals';
import {
  type Configuration,
  encodeConfiguration,
  type Entry,
  type FollowerStatus,
  type Index,
  type MemberId,
  type PeerMessage,
  type Status,
  type Term,
} from '@env-cli/raft';
import { encodeUtf8 } from '@env-cli/support';

import { RaftChecks, type Watched } from './checks.ts';
import { ruleBrokenBy } from './testing/rule-broken.ts';

const [a, b, c] = [1, 2, 3] as [MemberId, MemberId, MemberId];
const configuration: Configuration = {
  voters: [a, b, c],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  learnersJoining: [],
};

const entryOf = (index: number, term: number, text = ''): Entry => ({
  index: index as Index,
  term: term as Term,
  kind: 'command',
  data: encodeUtf8(text),
});
const changeOf = (index: number, term: number): Entry => ({
  ...entryOf(index, term),
  kind: 'configuration',
  data: encodeConfiguration(configuration),
});

/** What a test says of a member; the rest is as in a member that has just started. */
interface Told {
  readonly life?: number;
  readonly role?: Status['role'];
  readonly term?: number;
  readonly committed?: number;
  readonly handedOut?: number;
  readonly applied?: number;
  /** How far the leader knows member c to agree. */
  readonly matched?: number;
}

/** Three members that begin with entry 1 of term 1, and what happens to them. */
class Scene {
  /** The members that run on an older copy of their disk. */
  readonly onOlderDisk = new Set<MemberId>();
  /** The terms of the entries of each log, by index; all of it is on disk. */
  readonly #logs = new Map([a, b, c].map((id) => [id, [0, 1]]));
  readonly #checks = new RaftChecks(
    [a, b, c].map((id) => this.#watched(id)),
    configuration,
    { index: 1, term: 1 },
  );

  /** A member took a step, and is this now. */
  is(
    id: MemberId,
    { life = 1, role = 'follower', term = 1, committed = 1, handedOut = 1, applied = 1, matched = 0 }: Told,
  ): void {
    const follower: FollowerStatus = {
      id: c,
      state: 'replicate',
      matchIndex: matched as Index,
      nextIndex: (matched + 1) as Index,
      active: true,
      inflightMessages: 0,
      inflightBytes: 0,
    };
    const log = this.#logs.get(id)!;
    const status: Status = {
      id,
      role,
      term: term as Term,
      votedFor: null,
      leader: null,
      previousIndex: 1 as Index,
      lastIndex: (log.length - 1) as Index,
      flushedIndex: (log.length - 1) as Index,
      commitIndex: committed as Index,
      applyingIndex: handedOut as Index,
      appliedIndex: applied as Index,
      configuration,
      configurationIndex: 0 as Index,
      configurationConfirmed: true,
      transferringTo: null,
      uncommittedBytes: 0,
      cacheBytes: 0,
      readsWaiting: 0,
      installing: false,
      followers: role === 'leader' ? [follower] : [],
    };
    this.#checks.after(this.#watched(id), life, status, (index) => log[index] ?? -1);
  }

  /** A member asks its log to store these, and it does. */
  stores(id: MemberId, ...entries: readonly Entry[]): void {
    const log = this.#logs.get(id)!;
    const before = (entries[0]?.index ?? 1) - 1;
    const changes = this.#changes.filter(({ index }) => index <= before);
    this.#checks.stored(id, entries, log[before]!, () => changes);
    log.splice(before + 1, Infinity, ...entries.map(({ term }) => term));
    this.#changes.push(...entries.filter(({ kind }) => kind === 'configuration'));
  }
  readonly #changes: Entry[] = [];

  applies(id: MemberId, ...entries: readonly Entry[]): void {
    this.#checks.applied(this.#watched(id), entries);
  }

  says(id: MemberId, to: MemberId, message: PeerMessage): void {
    this.#checks.sent(this.#watched(id), to, message);
  }

  votes(id: MemberId, term: number, to: MemberId): void {
    this.says(id, to, { kind: 'vote-reply', term: term as Term, granted: true });
  }

  stands(id: MemberId, term: number): void {
    for (const to of [a, b, c]) {
      if (to === id) continue;
      const last = { lastIndex: 1 as Index, lastTerm: 1 as Term };
      this.says(id, to, { kind: 'vote-request', term: term as Term, ...last, transfer: false });
    }
  }

  /** A member leads by its own vote and that of another one. */
  leads(id: MemberId, term: number, voter: MemberId): void {
    this.stands(id, term);
    this.votes(voter, term, id);
    this.is(id, { role: 'leader', term });
  }

  #watched(id: MemberId): Watched {
    const { onOlderDisk } = this;
    return {
      id,
      durableTermAt: (index) => this.#logs.get(id)![index] ?? -1,
      get onOlderDisk() {
        return onOlderDisk.has(id);
      },
    };
  }
}

type Play = (scene: Scene) => void;

const promised = (message: PeerMessage): Play => {
  return (scene) => {
    scene.is(a, { life: 1, term: 9 });
    scene.says(a, b, message);
  };
};
const inLife2At3: Play = (scene) => scene.is(a, { life: 2, term: 3 });
const term = 9 as Term;
const bytes = { lastIndex: 1 as Index, lastTerm: 1 as Term };

const cases: readonly (readonly [rule: string, why: string, before: Play, step: Play])[] = [
  ['a term never falls', 'while a process runs', (scene) => scene.is(a, { term: 9 }), (scene) => scene.is(a, { term: 8 })],
  ['a term never falls', 'a vote told it', promised({ kind: 'vote-reply', term, granted: true }), inLife2At3],
  ['a term never falls', 'a refused vote told it', promised({ kind: 'vote-reply', term, granted: false }), inLife2At3],
  ['a term never falls', 'a candidacy told it', promised({ kind: 'vote-request', term, ...bytes, transfer: false }), inLife2At3],
  [
    'a term never falls',
    'an accepted append told it',
    promised({ kind: 'append-accepted', term, matchIndex: 1 as Index }),
    inLife2At3,
  ],
  ['a term never falls', 'a refusal told it', promised({ kind: 'stale-term', term }), inLife2At3],
  [
    'a term never falls',
    'a question for pre-votes told of the one below',
    promised({ kind: 'pre-vote-request', term, ...bytes }),
    (scene) => scene.is(a, { life: 2, term: 7 }),
  ],
  ['a term never falls', 'a refused pre-vote told it', promised({ kind: 'pre-vote-reply', term, granted: false }), inLife2At3],
  [
    'a commit index never falls',
    'while a process runs',
    (scene) => {
      for (const id of [a, b]) scene.stores(id, entryOf(2, 1));
      scene.is(a, { committed: 2 });
    },
    (scene) => scene.is(a, { committed: 1 }),
  ],
  [
    'only what is committed is applied',
    'it is handed out, and nothing else changes',
    (scene) => scene.is(a, {}),
    (scene) => scene.is(a, { handedOut: 2 }),
  ],
  [
    'only what is committed is applied',
    'it is applied, and nothing else changes',
    (scene) => scene.is(a, {}),
    (scene) => scene.is(a, { applied: 2 }),
  ],
  [
    'election safety',
    'two lead in one term',
    (scene) => scene.leads(a, 2, c),
    (scene) => scene.is(b, { role: 'leader', term: 2 }),
  ],
  [
    'a leader has the votes of a quorum',
    'it has its own alone',
    (scene) => scene.stands(a, 2),
    (scene) => scene.is(a, { role: 'leader', term: 2 }),
  ],
  [
    'a leader has the votes of a quorum',
    'a vote was for another term',
    (scene) => {
      scene.votes(b, 2, a);
      scene.stands(a, 3);
    },
    (scene) => scene.is(a, { role: 'leader', term: 3 }),
  ],
  ['one vote a term', 'two are voted for', (scene) => scene.votes(a, 2, b), (scene) => scene.votes(a, 2, c)],
  ['one vote a term', 'a candidate votes for another one', (scene) => scene.stands(a, 2), (scene) => scene.votes(a, 2, c)],
  [
    'leader completeness',
    'the entry was committed in an earlier term',
    (scene) => {
      scene.leads(a, 2, b);
      for (const id of [a, b]) scene.stores(id, entryOf(2, 2));
      scene.is(a, { role: 'leader', term: 2, committed: 2 });
    },
    (scene) => scene.leads(c, 3, b),
  ],
  [
    'what is committed is on the disks of a quorum',
    'one of three has it',
    (scene) => scene.stores(a, entryOf(2, 1)),
    (scene) => scene.is(a, { committed: 2 }),
  ],
  [
    'what is committed is on the disks of a quorum',
    'others hold one of another term there',
    (scene) => {
      scene.stores(a, entryOf(2, 2));
      for (const id of [b, c]) scene.stores(id, entryOf(2, 1));
    },
    (scene) => scene.is(a, { committed: 2 }),
  ],
  [
    'one change of the members at a time',
    'two are stored, and the first is not committed',
    (scene) => scene.stores(a, changeOf(2, 1)),
    (scene) => scene.stores(a, changeOf(3, 1)),
  ],
  [
    'one change of the members at a time',
    'two are stored at once',
    () => undefined,
    (scene) => scene.stores(a, changeOf(2, 1), changeOf(3, 1)),
  ],
  [
    'log matching',
    'two entries of one index and term differ',
    (scene) => scene.stores(a, entryOf(2, 2, 'x')),
    (scene) => scene.stores(b, entryOf(2, 2, 'y')),
  ],
  [
    'log matching',
    'an entry stands behind ones of different terms',
    (scene) => {
      scene.stores(a, entryOf(2, 1), entryOf(3, 3));
      scene.stores(b, entryOf(2, 2));
    },
    (scene) => scene.stores(b, entryOf(3, 3)),
  ],
  ['a state is never ahead of its log', 'the disk lacks it', () => undefined, (scene) => scene.applies(a, entryOf(2, 1))],
  [
    'a state is never ahead of its log',
    'the disk holds one of another term',
    (scene) => scene.stores(a, entryOf(2, 1)),
    (scene) => scene.applies(a, entryOf(2, 2)),
  ],
  [
    'state-machine safety',
    'two apply entries of different terms',
    (scene) => {
      scene.stores(a, entryOf(2, 1));
      scene.stores(b, entryOf(2, 2));
      scene.applies(a, entryOf(2, 1));
    },
    (scene) => scene.applies(b, entryOf(2, 2)),
  ],
  [
    'a match index never falls',
    'within a reign',
    (scene) => {
      scene.leads(a, 2, b);
      scene.is(a, { role: 'leader', term: 2, matched: 5 });
    },
    (scene) => scene.is(a, { role: 'leader', term: 2, matched: 4 }),
  ],
];

describe('one step that a rule forbids, after steps that all rules allow', () => {
  test.each(cases)('%s: %s', (rule, _why, before, step) => {
    const scene = new Scene();
    expect(ruleBrokenBy(() => before(scene))).toBeNull();
    expect(ruleBrokenBy(() => step(scene))).toBe(rule);
  });
});

describe('no rule forbids', () => {
  const allowed: readonly (readonly [what: string, play: Play])[] = [
    [
      'that a crash takes a term that was told to nobody',
      (scene) => {
        scene.is(a, { term: 9 });
        scene.is(a, { life: 2, term: 3 });
      },
    ],
    [
      'that a pre-vote is granted for a term in which nobody stands yet',
      (scene) => {
        scene.says(a, b, { kind: 'pre-vote-reply', term, granted: true });
        scene.is(a, { life: 2, term: 3 });
      },
    ],
    [
      'that an older disk stands in an earlier term, nor what it promises there',
      (scene) => {
        promised({ kind: 'stale-term', term })(scene);
        scene.onOlderDisk.add(a);
        scene.is(a, { life: 2, term: 3 });
        scene.says(a, b, { kind: 'stale-term', term: 11 as Term });
        scene.onOlderDisk.delete(a);
        scene.is(a, { life: 3, term: 9 });
      },
    ],
    [
      'that the next reign knows less of a follower',
      (scene) => {
        scene.leads(a, 2, b);
        scene.is(a, { role: 'leader', term: 2, matched: 5 });
        scene.leads(a, 3, b);
      },
    ],
    [
      'a change of the members once the one before is committed',
      (scene) => {
        for (const id of [a, b]) scene.stores(id, changeOf(2, 1));
        scene.is(a, { committed: 2 });
        scene.stores(a, changeOf(3, 1));
      },
    ],
  ];
  test.each(allowed)('%s', (_what, play) => {
    expect(ruleBrokenBy(() => play(new Scene()))).toBeNull();
  });
});
