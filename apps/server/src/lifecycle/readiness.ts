import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Verdict } from '../observability/http.ts';

/** Milliseconds between two looks. */
const lookIntervalMs = 100;

/** The longest that a strong read may take by which a member finds out whether it has caught up; then another one is made. */
const catchUpReadMs = 10_000;

/** Whether calls may be sent to this member: it listens, somebody leads, and it has once taken in all that the others had. */
export class Readiness {
  readonly #tell: (ready: boolean) => void;
  readonly #first = Promise.withResolvers<void>();
  #member: Member | null = null;
  #looker: NodeJS.Timeout | undefined;
  /** Whether a strong read was answered here: a member that starts may have much to take in first. */
  #caughtUp: 'no' | 'asking' | 'yes' = 'no';
  #stopping = false;

  /** `tell` is called with each look. */
  constructor(tell: (ready: boolean) => void) {
    this.#tell = tell;
  }

  /** Resolves when calls may be sent here for the first time. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** The member listens. */
  begin(member: Member): void {
    if (this.#stopping) return;
    this.#member = member;
    this.#looker = setInterval(() => this.#look(member), lookIntervalMs);
    this.#look(member);
  }

  /** From here on nobody is sent here. */
  stop(): void {
    this.#stopping = true;
    clearInterval(this.#looker);
    this.#tell(false);
  }

  verdict(): Verdict {
    if (this.#stopping) return { ok: false, why: 'stopping' };
    if (this.#member === null) return { ok: false, why: 'starting' };
    const { leaderId, appliedIndex } = this.#member.view();
    if (leaderId === null) return { ok: false, why: 'no leader is known' };
    if (appliedIndex === 0) return { ok: false, why: 'the cluster is being founded' };
    return this.#caughtUp === 'yes' ? { ok: true, why: 'ready' } : { ok: false, why: 'what the others have is being taken in' };
  }

  #look(member: Member): void {
    if (this.#caughtUp === 'no' && member.view().leaderId !== null) void this.#catchUp(member);
    const { ok } = this.verdict();
    this.#tell(ok);
    if (ok) this.#first.resolve();
  }

  /** Finds out whether this member has caught up with what was committed when it was asked. */
  async #catchUp(member: Member): Promise<void> {
    this.#caughtUp = 'asking';
    const need = { freshness: { kind: 'strong' }, appliedIndex: 0, deadline: performance.now() + catchUpReadMs } as const;
    try {
      await member.read(need, () => undefined);
      this.#caughtUp = 'yes';
    } catch (error) {
      this.#caughtUp = 'no';
      // Nobody leads, or it takes longer: it is asked again.
      if (!(error instanceof MemberUnavailable)) throw error;
    }
  }
}
