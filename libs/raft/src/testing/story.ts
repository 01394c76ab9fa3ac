import type { Configuration } from '../configuration.ts';
import { decodeConfiguration } from '../configuration.ts';
import type { Effect } from '../door.ts';
import type { Entry, MemberId } from '../entry.ts';
import type { MembershipChange } from '../membership-change.ts';
import type { PeerMessage } from '../message.ts';
import type { Packet } from './test-cluster.ts';
import { TestCluster } from './test-cluster.ts';
import type { TestMember, TestMemberOptions } from './test-member.ts';
import { configurationOf, memberId } from './test-member.ts';

const letters = 'ABCDEFG';
const nameOf = (id: MemberId) => letters.charAt(id - 1);
const idOf = (name: string) => memberId(letters.indexOf(name) + 1);

/**
 * Plays a script of several members, and tells what happens. A script is a transcript: lines that begin with `>` are commands (the
 * methods of {@link Story} that are named as such), lines with `#` comments, all others what the commands before them brought about.
 */
export function play(script: string): string {
  const story = new Story();
  const lines: string[] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith('>')) lines.push(line, ...story.run(line.slice(1).trim()));
    else if (line.startsWith('#') || line === '') lines.push(line);
  }
  return lines.join('\n');
}

class Story {
  #cluster = new TestCluster([]);
  #told: string[] = [];
  #quiet = false;
  readonly #commands: Readonly<Record<string, (...words: string[]) => void>> = {
    members: (...words) => this.#members(words),
    elect: (name) => this.#quietly(() => this.#cluster.elect(idOf(name ?? ''))),
    tick: (name, count = '1') => this.#at(name).tick(Number(count)),
    propose: (name, text = '') => void this.#at(name).propose(text),
    // `change A add D remove B promote C`: what is added is joining, or what the word behind it says.
    change: (name, ...words) => void this.#at(name).step({ kind: 'change-membership', id: 0, changes: changesOf(words) }),
    // `replacing A D C`: when D becomes a voter, C goes.
    replacing: (name, comes, goes) =>
      void this.#at(name).step({ kind: 'replacements', replacements: new Map([[idOf(comes ?? ''), idOf(goes ?? '')]]) }),
    transfer: (name, to) => void this.#at(name).step({ kind: 'transfer', id: 0, to: to === undefined ? null : idOf(to) }),
    read: (name, id) => void this.#at(name).step({ kind: 'read', id: Number(id) }),
    // Everything, or what travels from one member to another; `lose` takes it away, `settle` delivers without a word.
    deliver: (from, to) => this.#cluster.deliver(matching(from, to)),
    settle: () => this.#quietly(() => this.#cluster.deliver()),
    lose: (from, to) => this.#lose(from, to),
    cut: (...names) => this.#cluster.cutOff(...names.map(idOf)),
    // It is heard, and hears nobody.
    deafen: (name) => this.#cluster.cut((_from, to) => to === idOf(name ?? '')),
    heal: () => this.#cluster.heal(),
    hold: (what, name) => this.#hold(what, name, true),
    free: (what, name) => this.#hold(what, name, false),
    flush: (name, count = '1') => this.#at(name).flush(Number(count)),
    install: (name) => this.#cluster.install(idOf(name ?? '')),
    'step-down': (name) => void this.#at(name).step({ kind: 'step-down' }),
    compact: (name, at) => this.#at(name).compact(Number(at)),
    'fail-snapshot': (name, to) =>
      void this.#at(name).step({ kind: 'snapshot-failed', to: idOf(to ?? ''), term: this.#at(name).status.term }),
    // `restart A 3`: the last three entries were applied after the last checkpoint.
    restart: (name, forgotten = '0') => this.#at(name).restart(0, Number(forgotten)),
    show: (...names) => this.#show(names),
  };

  /** Carries out a command; returns what there is to tell of it. */
  run(command: string): string[] {
    const [name = '', ...words] = command.split(/\s+/);
    const carryOut = this.#commands[name];
    if (carryOut === undefined) throw new Error(`no story knows the command ${name}`);
    carryOut(...words);
    this.#cluster.collect();
    return this.#told.splice(0);
  }

  /** `members A B C learner D spare E log A 1 1 2 term 5 window 2 cache 1`: who there is, with which options; a spare is no member yet. */
  #members(words: readonly string[]): void {
    const voters: MemberId[] = [];
    const learners: MemberId[] = [];
    const spares: MemberId[] = [];
    const logs = new Map<string, number[]>();
    let options: TestMemberOptions = {};
    let list: ((word: string) => void) | null = (word) => void voters.push(idOf(word));
    for (let at = 0; at < words.length; at++) {
      const word = words[at] ?? '';
      const next = words[at + 1] ?? '';
      if (word === 'learner') list = (name) => void learners.push(idOf(name));
      else if (word === 'spare') list = (name) => void spares.push(idOf(name));
      else if (word === 'term') options = { ...options, term: Number(next) };
      else if (word === 'window') options = { ...options, inflightMessagesMax: Number(next) };
      else if (word === 'cache') options = { ...options, cacheBytesMax: Number(next) };
      else if (word === 'promotion') options = { ...options, promotionTicks: Number(next) };
      else if (word === 'log')
        list = (term) => void logs.set(next, [...(logs.get(next) ?? []), ...(term === next ? [] : [Number(term)])]);
      else list?.(word);
      if (['term', 'window', 'cache', 'promotion'].includes(word)) at++;
    }
    const configuration = configurationOf(voters, { learners });
    this.#cluster = new TestCluster([...voters, ...learners, ...spares], (id) => ({
      configuration,
      log: logs.get(nameOf(id)) ?? [],
      ...options,
    }));
    this.#cluster.onArrival = (packet) =>
      this.#tell(`${nameOf(packet.from)} → ${nameOf(packet.to)}  ${describeMessage(packet.message)}`);
    for (const member of this.#cluster.members.values()) {
      member.observe = (effect) => {
        const text = describeEffect(effect);
        if (text !== null) this.#tell(`  ${nameOf(member.id)} ${text}`);
      };
    }
  }

  #lose(from?: string, to?: string): void {
    const isLost = matching(from, to);
    for (const packet of this.#cluster.wire.filter(isLost)) {
      this.#tell(`${nameOf(packet.from)} ↛ ${nameOf(packet.to)}  ${describeMessage(packet.message)}`);
      this.#cluster.lose(packet);
    }
  }

  #hold(what = '', name = '', held: boolean): void {
    const member = this.#at(name);
    if (what === 'disk') member.holdDisk = held;
    else if (what === 'install') member.holdInstall = held;
    else throw new Error(`${what} cannot be held`);
    if (!held && what === 'disk') member.flush();
  }

  #show(names: readonly string[]): void {
    for (const { id, status, logTerms, appliedTexts } of this.#cluster.members.values()) {
      if (names.length > 0 && !names.includes(nameOf(id))) continue;
      const { role, term, previousIndex, commitIndex, appliedIndex, flushedIndex, configuration, configurationIndex } = status;
      const begin = previousIndex > 0 ? `…${previousIndex} ` : '';
      this.#tell(
        `${nameOf(id)} ${role} term ${term}  log ${begin}[${logTerms.join(' ')}]  flushed ${flushedIndex} commit ${commitIndex} applied ${appliedIndex} {${appliedTexts.join(' ')}}`,
      );
      if (configurationIndex > 0) this.#tell(`  since ${configurationIndex}: ${describeConfiguration(configuration)}`);
      for (const follower of status.followers) {
        const { state, matchIndex, nextIndex, inflightMessages } = follower;
        this.#tell(`  ${nameOf(follower.id)} ${state} match ${matchIndex} next ${nextIndex} on the way ${inflightMessages}`);
      }
    }
  }

  #quietly(happen: () => void): void {
    this.#quiet = true;
    happen();
    this.#quiet = false;
  }

  #tell(line: string): void {
    if (!this.#quiet) this.#told.push(line);
  }

  #at(name = ''): TestMember {
    return this.#cluster.at(idOf(name));
  }
}

function matching(from?: string, to?: string): (packet: Packet) => boolean {
  return (packet) => (from === undefined || packet.from === idOf(from)) && (to === undefined || packet.to === idOf(to));
}

function changesOf(words: readonly string[]): MembershipChange[] {
  const changes: MembershipChange[] = [];
  for (let at = 0; at < words.length; at += 2) {
    const kind = words[at];
    const member = idOf(words[at + 1] ?? '');
    if (kind === 'add') {
      const as = (['joining', 'learner', 'voter'] as const).find((one) => one === words[at + 2]);
      changes.push({ kind, member, as: as ?? 'joining' });
      if (as !== undefined) at++;
    } else if (kind === 'promote' || kind === 'demote' || kind === 'remove') changes.push({ kind, member });
    else throw new Error(`no story knows the change ${kind}`);
  }
  return changes;
}

function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, learnersJoining } = configuration;
  const lists: [string, readonly MemberId[]][] = [
    ['voters', voters],
    ['and', votersOutgoing],
    ['learners', learners],
    ['to be learners', learnersNext],
    ['joining', learnersJoining],
  ];
  return lists
    .filter(([, ids]) => ids.length > 0)
    .map(([name, ids]) => `${name} ${ids.map(nameOf).join(' ')}`)
    .join(', ');
}

/** Terms of entries; a configuration has an asterisk. */
function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(({ kind, term }) => `${term}${kind === 'configuration' ? '*' : ''}`).join(' ')}]`;
}

function describeMessage(message: PeerMessage): string {
  const { kind, term } = message;
  switch (kind) {
    case 'pre-vote-request':
    case 'vote-request': {
      const told = kind === 'vote-request' && message.transfer ? ', told to stand' : '';
      return `${kind} term ${term} log ${message.lastIndex}:${message.lastTerm}${told}`;
    }
    case 'pre-vote-reply':
    case 'vote-reply':
      return `${kind} ${message.granted ? 'granted' : 'refused'} term ${term}`;
    case 'append':
      return `append behind ${message.previousIndex}:${message.previousTerm} ${describeEntries(message.entries)} commit ${message.commit}`;
    case 'append-accepted':
      return `accepted ${message.matchIndex}`;
    case 'append-rejected':
      return `rejected ${message.rejectedIndex} hint ${message.hintIndex}:${message.hintTerm}`;
    case 'commit':
      return `commit ${message.commit}:${message.commitTerm}`;
    case 'committed':
      return `committed ${message.commit}:${message.commitTerm}`;
    case 'heartbeat':
      return `heartbeat ${message.round} commit ${message.commit}`;
    case 'heartbeat-reply':
      return `heartbeat-reply ${message.round}`;
    case 'read-request':
      return 'read-request';
    case 'read-reply':
      return `read-reply ${message.index}`;
    case 'snapshot':
      return `snapshot ${message.index}:${message.indexTerm}`;
    case 'stale-term':
      return `stale-term ${term}`;
    case 'timeout-now':
    default:
      return kind;
  }
}

/** What is worth telling of an effect; messages are told when they arrive. */
function describeEffect(effect: Effect): string | null {
  switch (effect.kind) {
    case 'store': {
      const { hardState, entries } = effect;
      const first = entries[0];
      const parts = [
        ...(hardState === null
          ? []
          : [`term ${hardState.term} vote ${hardState.votedFor === null ? '-' : nameOf(hardState.votedFor)}`]),
        ...(first === undefined ? [] : [`from ${first.index} ${describeEntries(entries)}`]),
      ];
      return parts.length === 0 ? null : `writes ${parts.join(', ')}`;
    }
    case 'reset':
      return `begins its log anew behind ${effect.index}:${effect.term}`;
    case 'apply': {
      const change = effect.entries.findLast(({ kind }) => kind === 'configuration');
      const now = change === undefined ? '' : `: ${describeConfiguration(decodeConfiguration(change.data))}`;
      return `applies ${effect.entries.map((one) => one.index).join(' ')}${now}`;
    }
    case 'role':
      return `is ${effect.role} in term ${effect.term}${effect.leader === null ? '' : ` under ${nameOf(effect.leader)}`}`;
    case 'proposal-refused':
      return `refuses the proposal: ${effect.refusal.code}`;
    case 'change-refused':
      return `refuses the change: ${effect.refusal.code}`;
    case 'transfer-refused':
      return `does not hand over: ${effect.refusal.code}`;
    case 'transfer-ended':
      return `is done handing over: ${effect.outcome}`;
    case 'proposals-lost':
      return `does not know the outcome of ${effect.ids.length} proposals`;
    case 'read-ready':
      return `reads ${effect.id} at ${effect.index}`;
    case 'read-refused':
      return `refuses read ${effect.id}: ${effect.refusal.code}`;
    case 'send-snapshot':
      return `sends ${nameOf(effect.to)} a snapshot of ${effect.indexMin} or later`;
    case 'install-snapshot':
      return `installs the snapshot of ${effect.index}:${effect.indexTerm}`;
    case 'discard-snapshot':
      return `does not need the snapshot of ${effect.index}`;
    case 'load':
      return `reads its log from ${effect.from} to ${effect.to - 1}`;
    case 'send':
    case 'proposed':
      return null;
    default:
      return null;
  }
}
