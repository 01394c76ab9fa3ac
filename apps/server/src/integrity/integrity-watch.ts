import {
  type Alarm,
  alarmKinds,
  alarmToStopFor,
  type CommandBody,
  type Integrity,
  positionOf,
  readIntegrity,
  type StateHashes,
} from '@env-cli/environments';

import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Scrubbed } from '../member/scrubber.ts';
import type { Log } from '../observability/log.ts';
import type { FigureSource } from '../observability/metrics.ts';
import { ownProposal } from '../writes/own-proposal.ts';
import { explained, stopText } from './alarm-text.ts';

export interface IntegrityOptions {
  /** Milliseconds between two marks of a leader. */
  readonly markIntervalMs: number;
  /** Milliseconds between two looks at the alarms. Defaults to 1,000. */
  readonly lookIntervalMs?: number;
  readonly log: Pick<Log, 'error' | 'info' | 'debug'>;
  /** Whether the state came in place of a wrong one. Defaults to that it did not. */
  readonly repaired?: Repaired;
  /** This member's state is known to be wrong: it has to stop, for this reason. */
  readonly stop: (reason: string) => void;
}

/** A state that came in place of a wrong one (`env-cli-server repair`). */
export interface Repaired {
  /** What it had applied when it came: accusations up to there are about the one before. 0: the state is the member's own. */
  readonly index: number;
  /** It is wrong as well: from now on every accusation counts. Durable when it returns. */
  forget(): void;
}

const neverRepaired: Repaired = { index: 0, forget: () => undefined };

const lookIntervalMsDefault = 1_000;

/** How long a command of the checks may wait to be proposed; the next mark brings the next. */
const proposalTimeoutMs = 10_000;

/** Who proposes, in the log. */
const principal = 'integrity check';

/**
 * Sees to it that members which hold different states are noticed (docs/decisions/0011-state-hashes.md).
 *
 * The leader marks entries; every member reports what it holds after one, and says so when its own disk does not hold what was
 * written. What follows from that is decided by apply, on all members alike; here it is told to people, and obeyed.
 */
export class IntegrityWatch implements FigureSource {
  readonly #member: Member;
  readonly #options: IntegrityOptions;
  readonly #ends: (() => void)[];
  readonly #looker: NodeJS.Timeout;
  #marker: NodeJS.Timeout | undefined;
  #marking = false;
  /** What this member held after the newest mark. */
  #newest: StateHashes | null = null;
  #reporting = false;
  #told: readonly Alarm[] = [];
  /** The log index at which a scrub found this member's rows broken; null: none did. */
  #rottenIndex: number | null = null;
  readonly #repaired: Repaired;
  #repairedIndex: number;
  #scrubs = 0;
  #scrubbedRows = 0;
  #scrubSeconds = 0;
  #stopped = false;

  constructor(member: Member, options: IntegrityOptions) {
    this.#member = member;
    this.#options = options;
    this.#repaired = options.repaired ?? neverRepaired;
    this.#repairedIndex = this.#repaired.index;
    this.#ends = [
      member.onHashes((hashes) => this.#report(hashes)),
      member.onScrubbed((scrubbed, index) => this.#scrubbed(scrubbed, index)),
      member.onLeadership((leading) => this.#lead(leading !== null)),
    ];
    this.#looker = setInterval(() => this.#look(), options.lookIntervalMs ?? lookIntervalMsDefault);
  }

  async figures(): Promise<Readonly<Record<string, number>>> {
    const integrity = await this.#read().catch(() => null);
    const counts = alarmKinds.map((kind) => [
      `alarms{kind="${kind}"}`,
      integrity?.alarms.filter((alarm) => alarm.kind === kind).length ?? 0,
    ]);
    return {
      ...(integrity === null ? {} : { ...Object.fromEntries(counts), integrity_agreed_index: integrity.agreedIndex }),
      integrity_scrubs_total: this.#scrubs,
      integrity_scrubbed_rows: this.#scrubbedRows,
      integrity_scrub_seconds: this.#scrubSeconds,
    };
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#looker);
    clearInterval(this.#marker);
    for (const end of this.#ends) end();
  }

  #lead(leads: boolean): void {
    clearInterval(this.#marker);
    this.#marker = undefined;
    if (leads) this.#marker = setInterval(() => this.#mark(), this.#options.markIntervalMs);
  }

  /** Marks an entry, unless nothing came since the last mark but what the members said about it. */
  #mark(): void {
    // The last one is still on its way: a second would mark the same.
    if (this.#marking) return;
    this.#marking = true;
    void this.#quietly(async () => {
      const isQuiet = await this.#member.read(this.#need(), (tables) => {
        const newest = readIntegrity(tables).marks.at(-1);
        return newest !== undefined && positionOf(tables).appliedIndex - newest.index <= newest.reports.length;
      });
      if (isQuiet) return;
      await this.#propose({ kind: 'mark-hashes' });
    }).finally(() => (this.#marking = false));
  }

  #report(hashes: StateHashes): void {
    this.#newest = hashes;
    // What is lost with a leader is said again after the next look.
    if (this.#reporting) return;
    this.#reporting = true;
    const { index, bytes } = hashes;
    const member = this.#member.identity.memberId;
    void this.#quietly(() => this.#propose({ kind: 'report-hashes', index, member, hashes: bytes })).finally(
      () => (this.#reporting = false),
    );
  }

  /** Whether the cluster waits for what this member holds after the newest mark that it knows of. */
  #isOwed({ marks }: Integrity): boolean {
    const mark = marks.find(({ index }) => index === this.#newest?.index);
    return mark !== undefined && !mark.reports.some(({ member }) => member === this.#member.identity.memberId);
  }

  #scrubbed({ broken, rows, seconds }: Scrubbed, index: number): void {
    this.#scrubs++;
    this.#scrubbedRows = rows;
    this.#scrubSeconds = seconds;
    this.#options.log.debug({ rows, seconds }, 'the state was scrubbed');
    if (broken.length === 0) return;
    this.#options.log.error({ tables: broken, index }, 'rows of the state on this disk are not what was written: check the disk');
    this.#rottenIndex = index;
    this.#look();
  }

  /** Looks at the alarms: tells of new ones and of those that are gone, and stops if one demands it. */
  #look(): void {
    void this.#quietly(async () => {
      const { memberId } = this.#member.identity;
      const { integrity, fatal } = await this.#member.read(this.#need(), (tables) => ({
        integrity: readIntegrity(tables),
        fatal: alarmToStopFor(tables, memberId, this.#repairedIndex),
      }));
      if (this.#stopped) return;
      this.#tell(integrity.alarms);
      if (fatal !== null) {
        this.#believeNoRepair();
        this.#options.stop(stopText(fatal));
        return;
      }
      if (this.#newest !== null && this.#isOwed(integrity)) this.#report(this.#newest);
      const index = this.#rottenIndex;
      const isRaised = integrity.alarms.some(({ kind, member }) => kind === 'state-rotten' && member === memberId);
      if (index === null) return;
      // An alarm that stands already is about the state before: from now on it counts for this one too.
      if (isRaised) this.#believeNoRepair();
      // Raised once a scrub: who clears it is told again by the next.
      if (!isRaised) await this.#propose({ kind: 'raise-alarm', alarm: 'state-rotten', member: memberId, index });
      this.#rottenIndex = null;
    });
  }

  /** What came in place of a wrong state is wrong as well. */
  #believeNoRepair(): void {
    if (this.#repairedIndex === 0) return;
    this.#repairedIndex = 0;
    this.#repaired.forget();
  }

  #tell(alarms: readonly Alarm[]): void {
    for (const alarm of alarms) {
      if (!this.#told.some((told) => isSame(told, alarm))) this.#options.log.error(factsOf(alarm), explained(alarm));
    }
    for (const told of this.#told) {
      if (!alarms.some((alarm) => isSame(told, alarm))) this.#options.log.info(factsOf(told), 'an alarm was cleared');
    }
    this.#told = alarms;
  }

  #read(): Promise<Integrity> {
    return this.#member.read(this.#need(), readIntegrity);
  }

  #need() {
    return { freshness: { kind: 'any' }, appliedIndex: 0, deadline: performance.now() + proposalTimeoutMs } as const;
  }

  async #propose(body: CommandBody): Promise<void> {
    await this.#member.propose(ownProposal(body, { principal }), performance.now() + proposalTimeoutMs);
  }

  /** A cluster without a leader, or a member that stops, has nothing checked for that long. */
  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof MemberUnavailable)) throw error;
    }
  }
}

function isSame(a: Alarm, b: Alarm): boolean {
  return a.kind === b.kind && a.member === b.member && a.index === b.index;
}

function factsOf({ kind, member, index }: Alarm): object {
  return { alarm: kind, ...(member === 0 ? {} : { member }), index };
}
