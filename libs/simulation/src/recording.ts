import type { SimulatedMember } from './member.ts';
import type { Carried } from './network.ts';

/** What a member was, from one moment to the next. */
export interface Span {
  readonly fromMs: number;
  toMs: number;
  readonly state: 'follower' | 'pre-candidate' | 'candidate' | 'leader' | 'paused' | 'down' | 'lost';
  readonly term: number;
}

/** A run as it is drawn for people. */
export interface Recording {
  readonly spans: ReadonlyMap<number, Span[]>;
  readonly messages: readonly Carried[];
  /** Messages that came when {@link messagesMax} were kept already. */
  readonly messagesLeftOut: number;
  /** One line each, as the trace tells it. */
  readonly lines: readonly { readonly atMs: number; readonly text: string }[];
}

const messagesMax = 60_000;

/** Keeps what a page of a run shows. It looks on, and changes nothing. */
export class Recorder implements Recording {
  readonly spans = new Map<number, Span[]>();
  readonly messages: Carried[] = [];
  readonly lines: { readonly atMs: number; readonly text: string }[] = [];
  messagesLeftOut = 0;

  message(carried: Carried): void {
    if (this.messages.length < messagesMax) this.messages.push(carried);
    else this.messagesLeftOut++;
  }

  line(atMs: number, text: string): void {
    this.lines.push({ atMs, text });
  }

  /** After an event. */
  look(nowMs: number, members: readonly SimulatedMember[]): void {
    for (const member of members) {
      const state = stateOf(member);
      const term = member.status?.term ?? 0;
      let spans = this.spans.get(member.id);
      if (spans === undefined) this.spans.set(member.id, (spans = []));
      const last = spans.at(-1);
      if (last !== undefined) last.toMs = nowMs;
      if (last?.state !== state || last.term !== term) spans.push({ fromMs: nowMs, toMs: nowMs, state, term });
    }
  }
}

function stateOf(member: SimulatedMember): Span['state'] {
  if (member.isLost) return 'lost';
  if (!member.alive) return 'down';
  if (!member.running) return member.status === null ? 'down' : 'paused';
  return member.status?.role ?? 'down';
}
