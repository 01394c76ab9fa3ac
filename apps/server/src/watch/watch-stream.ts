import { toRevision } from '@env-cli/keyspace';
import type { Status, WatchRequest, WatchStart } from '@env-cli/wire';

import { viewOf } from '../answers/environment.ts';
import { invalid, Refused } from '../errors/refused.ts';
import type { Member } from '../member/member.ts';
import type { Reads } from '../reads/reads.ts';
import { issuerOf } from '../reads/snapshot.ts';
import { natural } from '../requests/integers.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { Inbox } from '../rpc/pull.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { openResumeToken } from '../tokens/resume-token.ts';
import type { Dispatcher } from './dispatcher.ts';
import { scopeOf } from './scope.ts';
import { Watch } from './watch.ts';
import { WatchWriter } from './watch-writer.ts';

/** Watches of one stream. */
const watchesMax = 10_000;
/** Answers to starts and cancels that wait for the reader. Beyond it nothing more is read from the stream. */
const repliesMax = 1_024;

/** What a stream of watches needs of the member. */
export interface WatchServices {
  readonly member: Member;
  readonly reads: Reads;
  readonly dispatcher: Dispatcher;
  /** The context of one request on the stream. */
  readonly context: () => CallContext;
  readonly statusOf: (error: unknown) => Status;
  /** How often a watch is told that it has seen everything. */
  readonly progressIntervalMs: number;
  /** Aborts when the member stops. */
  readonly draining: AbortSignal;
}

/**
 * One stream that carries many watches. What it sends is made when the reader asks for it, one message of one watch after
 * the other in turns, so that a reader that stops costs what its watches may have pending, and no more.
 */
export class WatchStream {
  readonly #services: WatchServices;
  readonly #inbox: Inbox<WatchRequest>;
  readonly #writer: WatchWriter;
  readonly #watches = new Map<bigint, Watch>();
  /** Messages that answer requests. They go out first. */
  #replies: Encoded[] = [];
  /** Watches that may have something to send, in turns. */
  readonly #ready = new Set<Watch>();
  /** Watches that sent nothing since the last tick of progress. */
  readonly #quiet = new Set<Watch>();
  readonly #progressDue = new Set<Watch>();
  #inboxEnded = false;
  #gone = false;
  #failure: unknown;
  #wakeWriter: (() => void) | undefined;
  #wakeReader: (() => void) | undefined;

  constructor(inbox: Inbox<WatchRequest>, services: WatchServices) {
    this.#inbox = inbox;
    this.#services = services;
    this.#writer = new WatchWriter(issuerOf(services.member));
  }

  /** The stream's messages, made as fast as they are taken. */
  async *messages(): AsyncIterable<Encoded> {
    const { draining, progressIntervalMs, dispatcher } = this.#services;
    const reading = this.#read();
    const tick = setInterval(() => this.#tick(), progressIntervalMs);
    const wake = (): void => this.#wakeWriter?.();
    draining.addEventListener('abort', wake);
    this.#inbox.onCancelled(wake);
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#inbox.cancelled) return;
        if (draining.aborted) throw new Refused({ code: 'stopping', problem: 'the member is stopping' });
        const message = await this.#next();
        if (message !== null) {
          yield message;
          continue;
        }
        if (this.#isIdle()) {
          if (this.#inbox.cancelled || (this.#inboxEnded && this.#watches.size === 0)) return;
          await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
          this.#wakeWriter = undefined;
        }
      }
    } finally {
      this.#gone = true;
      clearInterval(tick);
      draining.removeEventListener('abort', wake);
      for (const watch of this.#watches.values()) dispatcher.remove(watch);
      this.#watches.clear();
      this.#inbox.close();
      this.#wakeReader?.();
      await reading;
    }
  }

  #isIdle(): boolean {
    if (this.#failure !== undefined || this.#services.draining.aborted) return false;
    return this.#replies.length === 0 && this.#ready.size === 0 && this.#progressDue.size === 0;
  }

  /** The next message; null when there is none, or when a watch read on and found nothing yet. */
  async #next(): Promise<Encoded | null> {
    const reply = this.#replies.shift();
    if (reply !== undefined) {
      this.#wakeReader?.();
      return reply;
    }
    const [watch] = this.#ready;
    if (watch !== undefined) return this.#nextOf(watch);
    const [quiet] = this.#progressDue;
    if (quiet === undefined) return null;
    this.#progressDue.delete(quiet);
    return this.#writer.progress(quiet.id, quiet.sent);
  }

  async #nextOf(watch: Watch): Promise<Encoded | null> {
    if (!watch.hasPending && watch.state === 'late') {
      try {
        await this.#services.dispatcher.readOn(watch);
      } catch (error) {
        if (this.#watches.has(watch.id)) this.#end(watch, error);
        return null;
      }
    }
    // It goes to the end of the turns, or out of them when it has nothing more.
    this.#ready.delete(watch);
    const batch = watch.take();
    if (watch.hasPending || watch.state === 'late') this.#ready.add(watch);
    if (batch === null) return null;
    this.#quiet.delete(watch);
    this.#progressDue.delete(watch);
    return this.#writer.changes(watch.id, batch);
  }

  #tick(): void {
    for (const watch of this.#watches.values()) {
      if (this.#quiet.has(watch)) this.#progressDue.add(watch);
      else this.#quiet.add(watch);
    }
    this.#wakeWriter?.();
  }

  async #read(): Promise<void> {
    try {
      while (!this.#gone) {
        if (this.#replies.length >= repliesMax) {
          await new Promise<void>((resolve) => (this.#wakeReader = resolve));
          continue;
        }
        const request = await this.#inbox.next();
        if (request === null) break;
        await this.#take(request);
        this.#wakeWriter?.();
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#inboxEnded = true;
      this.#wakeWriter?.();
    }
  }

  async #take({ watchId, action }: WatchRequest): Promise<void> {
    if (watchId <= 0n) throw invalid('watch_id', 'must be a number above 0, new for each watch of the stream');
    const running = this.#watches.get(watchId);
    if (action.case === 'cancel') {
      if (running === undefined) this.#refuse(watchId, new Refused({ code: 'watch-id-unknown', watchId }));
      else this.#end(running, null);
      return;
    }
    if (running !== undefined) throw new Refused({ code: 'watch-id-taken', watchId });
    try {
      if (action.case === undefined) throw invalid('action', 'must be start or cancel');
      if (this.#watches.size >= watchesMax) throw new Refused({ code: 'too-many-watches', max: watchesMax });
      await this.#start(watchId, action.value);
    } catch (error) {
      this.#refuse(watchId, error);
    }
  }

  async #start(watchId: bigint, start: WatchStart): Promise<void> {
    const scope = scopeOf(start);
    const view = viewOf(start.view, 'start.view');
    const after = await this.#afterOf(start);
    if (this.#gone) return;
    const watch = new Watch({
      id: watchId,
      scope,
      view,
      after,
      onReady: (ready) => {
        this.#ready.add(ready);
        this.#wakeWriter?.();
      },
    });
    this.#watches.set(watchId, watch);
    this.#services.dispatcher.add(watch, (ended, why) => this.#end(ended, why));
    this.#replies.push(this.#writer.started(watchId, after + 1));
    this.#ready.add(watch);
  }

  /** The revision behind which a watch begins. */
  async #afterOf(start: WatchStart): Promise<number> {
    const { member } = this.#services;
    if (start.resumeToken !== '') return openResumeToken(issuerOf(member), start.resumeToken, 'start.resume_token');
    const first = natural(start.startRevision, 'start.start_revision');
    const newest = await this.#newest('any');
    if (first === 0) return newest;
    if (first - 1 <= newest) return first - 1;
    // This member may be behind what the client saw elsewhere; the cluster as a whole is asked before it is refused.
    const known = await this.#newest('strong');
    if (first - 1 <= known) return first - 1;
    throw new Refused({ code: 'future-revision', asked: toRevision(first), newest: toRevision(known) });
  }

  #newest(kind: 'any' | 'strong'): Promise<number> {
    const demand = { freshness: { kind }, appliedIndex: 0 } as const;
    return this.#services.reads.here(this.#services.context(), demand, (snapshot) => snapshot.progress.revision);
  }

  /** Ends a watch that ran. */
  #end(watch: Watch, why: unknown): void {
    const { sent } = watch;
    this.#watches.delete(watch.id);
    this.#ready.delete(watch);
    this.#quiet.delete(watch);
    this.#progressDue.delete(watch);
    this.#services.dispatcher.remove(watch);
    this.#replies.push(this.#writer.ended(watch.id, sent, why === null ? null : this.#services.statusOf(why)));
    this.#wakeWriter?.();
  }

  /** Answers a request that began nothing. */
  #refuse(watchId: bigint, why: unknown): void {
    this.#replies.push(this.#writer.ended(watchId, null, this.#services.statusOf(why)));
  }
}
