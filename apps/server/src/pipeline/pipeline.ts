import {
  type BatchGetRequest,
  BatchGetRequestSchema,
  type GetRequest,
  GetRequestSchema,
  type PipelineRequest,
  type WriteRequest,
} from '@env-cli/wire';

import { answerBatchGet, answerBytesMax, answerGet } from '../environments/answers.ts';
import { splitHeader } from '../answers/header.ts';
import { invalid, Refused } from '../errors/refused.ts';
import { rpcStatusOf } from '../errors/status.ts';
import type { Member } from '../member/member.ts';
import type { ReadDemand } from '../reads/demand.ts';
import type { Reads } from '../reads/reads.ts';
import { issuerOf, type Snapshot } from '../reads/snapshot.ts';
import type { CallContext } from '../rpc/call-context.ts';
import { forwarded, type ForwardedCall } from '../rpc/leader-calls.ts';
import type { Inbox } from '../rpc/pull.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { neededIndex, onlyGroup, openReadToken } from '../tokens/read-token.ts';
import { awaitedOf, awaitMirrors } from '../mirrors/await-mirrors.ts';
import type { Done } from '../writes/outcome.ts';
import type { Writes } from '../writes/writes.ts';
import { answerOfDone, answerOfFailure, bytesOf, type PipelineAnswer, pipelineResponse } from './result-writer.ts';

/** Calls of one message. */
const callsMax = 1_024;
/** Calls of a stream that may be unanswered. Beyond it nothing more is read from the stream. */
const unansweredMax = 16_384;
/** Bytes of answers that wait for their reader. Beyond it nothing more is read from the stream either. */
const waitingBytesMax = 8 * 1024 * 1024;
/** How long the reads of one stream may keep the thread. What is left is read a turn later, from a state of its own. */
const turnMsMax = 10;
/** Bytes behind which a message of answers takes in no further one. */
const messageBytesMax = 1024 * 1024;

/** What a pipeline needs of the member. */
export interface PipelineServices {
  readonly member: Member;
  readonly reads: Reads;
  readonly writes: Writes;
  /** The context of a call that the stream carries. */
  readonly context: () => CallContext;
  /** What the client is told of an error. */
  readonly failureOf: (error: unknown) => ReturnType<typeof rpcStatusOf>;
  /** Becomes true when the member stops: what was taken is answered, and nothing more is taken. */
  readonly draining: AbortSignal;
}

interface ReadCall {
  readonly id: bigint;
  readonly demand: ReadDemand;
  readonly kind: 'get' | 'batch_get';
  readonly work: (snapshot: Snapshot) => Encoded;
  readonly forwarded: ForwardedCall;
}

/**
 * One pipeline: takes calls message by message, answers them as they finish.
 *
 * Reads of a message that ask for the same freshness share one state; its writes go to the log together. What is
 * unanswered is bounded by reading no further, never by an error.
 */
export class Pipeline {
  readonly #services: PipelineServices;
  readonly #inbox: Inbox<PipelineRequest>;
  readonly #unanswered = new Set<bigint>();
  #finished: PipelineAnswer[] = [];
  #finishedBytes = 0;
  #readerDone = false;
  #failure: unknown;
  #wakeWriter: (() => void) | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeScheduled = false;

  constructor(inbox: Inbox<PipelineRequest>, services: PipelineServices) {
    this.#inbox = inbox;
    this.#services = services;
  }

  /** The stream's answers, made as fast as they are taken. */
  async *answers(): AsyncIterable<Encoded> {
    const reading = this.#read();
    this.#inbox.onCancelled(() => this.#scheduleWake());
    try {
      for (;;) {
        if (this.#finished.length > 0) {
          yield this.#nextMessage();
        } else if (this.#failure !== undefined) {
          throw this.#failure;
        } else if (this.#inbox.cancelled || (this.#readerDone && this.#unanswered.size === 0)) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
          this.#wakeWriter = undefined;
        }
      }
    } finally {
      // Whoever reads no answers any more gets no more calls taken.
      this.#readerDone = true;
      this.#inbox.close();
      this.#wakeReader?.();
      await reading;
    }
  }

  async #read(): Promise<void> {
    const stop = (): void => {
      this.#readerDone = true;
      this.#inbox.close();
      this.#wakeReader?.();
      this.#scheduleWake();
    };
    const { draining } = this.#services;
    draining.addEventListener('abort', stop);
    if (draining.aborted) stop();
    try {
      while (!this.#readerDone) {
        if (this.#unanswered.size > unansweredMax - callsMax || this.#finishedBytes >= waitingBytesMax) {
          await new Promise<void>((resolve) => (this.#wakeReader = resolve));
          continue;
        }
        const message = await this.#inbox.next();
        if (message === null) break;
        if (!this.#readerDone) this.#take(message);
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      draining.removeEventListener('abort', stop);
      this.#readerDone = true;
      this.#scheduleWake();
    }
  }

  #take({ calls }: PipelineRequest): void {
    if (calls.length > callsMax) throw invalid('calls', `a message carries at most ${callsMax} calls, not ${calls.length}`);
    const context = this.#services.context();
    const writeIds: bigint[] = [];
    const writes: WriteRequest[] = [];
    const reads: ReadCall[] = [];
    for (const [at, { id, call }] of calls.entries()) {
      if (this.#unanswered.has(id)) throw new Refused({ code: 'call-id-taken', callId: id });
      this.#unanswered.add(id);
      try {
        if (call.case === 'write') {
          awaitedOf(call.value);
          writeIds.push(id);
          writes.push(call.value);
        } else if (call.case === 'get') reads.push(this.#getCall(id, call.value));
        else if (call.case === 'batchGet') reads.push(this.#batchCall(id, call.value));
        else throw invalid(`calls[${at}]`, 'must hold a call: get, batch_get or write');
      } catch (error) {
        this.#fail(id, error);
      }
    }
    if (writes.length > 0) this.#write(context, writeIds, writes);
    for (const group of groupsOf(reads)) void this.#readGroup(context, group);
  }

  #getCall(id: bigint, request: GetRequest): ReadCall {
    const demand = this.#services.reads.demandOf(request.options);
    return {
      id,
      demand,
      kind: 'get',
      work: (snapshot) => answerGet(snapshot, demand, request, false),
      forwarded: forwarded('/envcli.v1.Environments/Get', GetRequestSchema, request),
    };
  }

  #batchCall(id: bigint, request: BatchGetRequest): ReadCall {
    const demand = this.#services.reads.demandOf(request.options);
    return {
      id,
      demand,
      kind: 'batch_get',
      work: (snapshot) => answerBatchGet(snapshot, demand, request, false),
      forwarded: forwarded('/envcli.v1.Environments/BatchGet', BatchGetRequestSchema, request),
    };
  }

  #write(context: CallContext, ids: readonly bigint[], requests: readonly WriteRequest[]): void {
    this.#services.writes.writeAll(context, requests, {
      done: (at, done) => {
        if (requests[at]!.awaitMirrors === undefined) this.#finish(answerOfDone(ids[at]!, done));
        else void this.#awaitMirrors(context, ids[at]!, requests[at]!, done);
      },
      failed: (at, error) => this.#fail(ids[at]!, error),
    });
  }

  async #awaitMirrors(context: CallContext, id: bigint, request: WriteRequest, done: Done): Promise<void> {
    try {
      this.#finish(answerOfDone(id, await awaitMirrors(this.#services, context, request, done, null)));
    } catch (error) {
      this.#fail(id, error);
    }
  }

  /** Answers reads that ask for the same freshness from one state, or from several where their answers are large. */
  async #readGroup(context: CallContext, group: readonly ReadCall[]): Promise<void> {
    let at = 0;
    while (at < group.length) {
      const rest = group.slice(at);
      try {
        at += await this.#services.reads.here(context, rest[0]!.demand, (snapshot) => this.#answerSome(context, rest, snapshot));
      } catch (error) {
        for (const call of rest) void this.#elsewhere(context, call, error);
        return;
      }
    }
  }

  #answerSome(context: CallContext, calls: readonly ReadCall[], snapshot: Snapshot): number {
    const { appliedIndex, revision } = snapshot.progress;
    const until = performance.now() + turnMsMax;
    let bytesLeft = answerBytesMax;
    let answered = 0;
    for (const call of calls) {
      if (bytesLeft <= 0 || (answered > 0 && performance.now() > until)) break;
      answered++;
      try {
        const bytes = call.work(snapshot);
        bytesLeft -= bytes.length;
        this.#finish({ id: call.id, kind: call.kind, answer: bytes, appliedIndex, revision });
      } catch (error) {
        void this.#elsewhere(context, call, error);
      }
    }
    return answered;
  }

  /** Asks the leader where this member does not know enough; else tells the client what went wrong. */
  async #elsewhere(context: CallContext, call: ReadCall, error: unknown): Promise<void> {
    const { reads, member } = this.#services;
    try {
      const answer = await reads.passOn(context, call.forwarded, error, call.demand.appliedIndex);
      const { header, rest } = splitHeader(answer);
      const token = header === null ? null : openReadToken(issuerOf(member), header.token, 'header.token');
      this.#finish({
        id: call.id,
        kind: call.kind,
        answer: rest,
        appliedIndex: token === null ? 0 : neededIndex(token, onlyGroup),
        revision: Number(header?.revision ?? 0n),
      });
    } catch (failure) {
      this.#fail(call.id, failure);
    }
  }

  #fail(id: bigint, error: unknown): void {
    this.#finish(answerOfFailure(id, this.#services.failureOf(error)));
  }

  #finish(answer: PipelineAnswer): void {
    this.#finished.push(answer);
    this.#finishedBytes += bytesOf(answer);
    this.#scheduleWake();
  }

  /** Wakes the writer at the end of the turn, so that what finishes together goes out together. */
  #scheduleWake(): void {
    if (this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    setImmediate(() => {
      this.#wakeScheduled = false;
      this.#wakeWriter?.();
    });
  }

  #nextMessage(): Encoded {
    let count = 0;
    let bytes = 0;
    while (count < this.#finished.length && (count === 0 || bytes + bytesOf(this.#finished[count]!) <= messageBytesMax)) {
      const answer = this.#finished[count++]!;
      bytes += bytesOf(answer);
      this.#unanswered.delete(answer.id);
    }
    const answers = this.#finished.slice(0, count);
    this.#finished = count === this.#finished.length ? [] : this.#finished.slice(count);
    this.#finishedBytes -= bytes;
    this.#wakeReader?.();
    return pipelineResponse(this.#services.member, answers);
  }
}

/** Reads by what they ask for: those of a group can be answered from one state. */
function groupsOf(calls: readonly ReadCall[]): Iterable<readonly ReadCall[]> {
  const groups = new Map<string, ReadCall[]>();
  for (const call of calls) {
    const { freshness, appliedIndex } = call.demand;
    const key = `${freshness.kind} ${freshness.kind === 'fresh-within' ? freshness.maxLagMs : ''} ${appliedIndex}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [call]);
    else group.push(call);
  }
  return groups.values();
}
