import { unreachable } from '@env-cli/support';
import type { PipelineResponse, PipelineResult, ResponseHeader } from '@env-cli/wire';

import { backoffMs, type BackoffOptions } from './backoff.ts';
import { boundsFrom, overError, whenOver, type Bounds } from './bounds.ts';
import type { Channel } from './channel.ts';
import { EnvCliError } from './error.ts';
import { failureOfStatus, remedyOf } from './failure.ts';
import { closedError, type Members } from './members.ts';
import type { Answered, Answers, PendingCall } from './pending-call.ts';
import { callOverheadBytes, type CallKind, type EncodedCall } from './pipeline-codec.ts';
import { PipelineStream } from './pipeline-stream.ts';
import type { Session } from './session.ts';
import { pipelineLimits, WaitingCalls } from './waiting-calls.ts';

export interface PipelineOptions {
  readonly backoff: BackoffOptions;
  readonly random: () => number;
  /** The longest that a call waits for a connection to any member, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** The longest that a session may take to open, in milliseconds. */
  readonly timeoutMs: number;
  readonly openSession: (bounds: Bounds) => Promise<Session>;
  /** Is told the header of each message of answers, with the earliest beginning of the calls that it answers; null if one is a write. */
  readonly heard: (header: ResponseHeader, began: number | null) => void;
}

/**
 * Carries reads and writes over one stream to one member, many in a message.
 *
 * What is called within one turn of the event loop goes out together. A call that may be sent again is, within its bounds:
 * a read whenever no answer came, a write in its session and with its number, so that it happens once.
 */
export class Pipeline {
  readonly #members: Members;
  readonly #options: PipelineOptions;
  readonly #waiting = new WaitingCalls();
  #current: PipelineStream | null = null;
  readonly #streams = new Set<PipelineStream>();
  #session: Session | null = null;
  #opening = false;
  #reaching = false;
  #flushDue = false;
  /** Streams in a row that broke before they answered anything. */
  #broken = 0;
  readonly #timers = new Map<NodeJS.Timeout, readonly PendingCall[]>();
  #silenceTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(members: Members, options: PipelineOptions) {
    this.#members = members;
    this.#options = options;
  }

  /** The session that writes are numbered in, if one is open. */
  get session(): Session | null {
    return this.#session;
  }

  /**
   * Makes a call. `request`: the bytes of its message; of a write without a session. `began`: a moment that `heard` is told; null
   * for a write.
   *
   * Rejects with an {@link EnvCliError}.
   */
  call<K extends CallKind>(kind: K, request: Uint8Array, bounds: Bounds, began: number | null): Promise<Answered<Answers[K]>> {
    return new Promise((resolve, reject) => {
      const refusal = this.#closed ? closedError() : this.#waiting.refusalOf(request);
      if (refusal !== null) {
        reject(refusal);
        return;
      }
      const call: PendingCall = {
        kind,
        request,
        bounds,
        began,
        resolve,
        reject,
        unbind: () => undefined,
        state: 'resting',
        waitingSinceMs: 0,
        place: null,
        uncertain: false,
        failures: 0,
        last: null,
      };
      this.#enqueue(call);
      call.unbind = whenOver(bounds, () => this.#giveUp(call));
    });
  }

  /** Ends at once: what was not answered fails with CLIENT_CLOSED. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#silenceTimer);
    const resting = [...this.#timers.entries()].flatMap(([timer, calls]) => {
      clearTimeout(timer);
      return calls;
    });
    const sent = [...this.#streams].flatMap((stream) => {
      stream.abandon();
      return stream.unanswered.inOrder();
    });
    for (const call of [...sent, ...resting, ...this.#waiting.all()]) {
      this.#fail(call, closedError());
    }
    this.#streams.clear();
    this.#current = null;
  }

  #enqueue(call: PendingCall): void {
    this.#waiting.enter(call);
    this.#flushSoon();
  }

  /** At the end of this turn of the event loop, so that all that is called in it goes out together. */
  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    setImmediate(() => {
      this.#flushDue = false;
      if (!this.#closed) this.#flush();
    });
  }

  #flush(): void {
    if (this.#waiting.size === 0) return;
    const channel = this.#members.current;
    if (channel === null) {
      void this.#reach();
      return;
    }
    const stream = this.#streamOn(channel);
    while (stream.unsentBytes < pipelineLimits.unsentBytesMax) {
      const batch = this.#takeBatch(stream);
      if (batch.length === 0) return;
      stream.send(batch);
    }
  }

  /** The stream to the member that is talked to. One to a former member only still answers. */
  #streamOn(channel: Channel): PipelineStream {
    if (this.#current?.channel === channel) return this.#current;
    this.#current?.finish();
    const stream = new PipelineStream(channel, {
      answered: (from, response) => this.#onAnswers(from, response),
      sent: () => this.#flushSoon(),
      ended: (from, error) => this.#onEnded(from, error),
    });
    this.#current = stream;
    this.#streams.add(stream);
    this.#silenceTimer ??= setInterval(() => this.#watchSilence(), pipelineLimits.silenceMsMax / 4).unref();
    return stream;
  }

  #takeBatch(stream: PipelineStream): EncodedCall[] {
    const batch: EncodedCall[] = [];
    let bytesLeft = pipelineLimits.messageBytesMax;
    if (this.#session === null && this.#waiting.needsSession) this.#openSession();
    while (batch.length < pipelineLimits.messageCallsMax && stream.unanswered.size < pipelineLimits.unansweredMax) {
      const call = this.#waiting.next(bytesLeft, this.#session?.hasRoom === true);
      if (call === undefined) break;
      bytesLeft -= call.request.length + callOverheadBytes;
      const id = stream.unanswered.add(call);
      batch.push({ id, kind: call.kind, request: call.request, session: this.#placeOf(call) });
    }
    return batch;
  }

  #placeOf(call: PendingCall): EncodedCall['session'] {
    if (call.kind !== 'write') return null;
    call.place ??= { session: this.#session!, sequence: this.#session!.take() };
    const { session, sequence } = call.place;
    return { sessionId: session.id, sequence, firstIncomplete: session.firstIncomplete };
  }

  /** Connects for the calls that wait; those that waited for too long fail. */
  async #reach(): Promise<void> {
    if (this.#reaching) return;
    this.#reaching = true;
    const { connectTimeoutMs } = this.#options;
    try {
      await this.#members.channel(boundsFrom(connectTimeoutMs, undefined));
    } catch (error) {
      const failure = error as EnvCliError;
      // A certificate that is not believed is not for those who came a moment ago either, and says more than what they met before.
      const refused = failure.reason === 'CERTIFICATE_REFUSED';
      const enough = performance.now() - (refused ? 0 : connectTimeoutMs);
      for (const call of this.#waiting.all()) {
        if (call.waitingSinceMs <= enough) this.#fail(call, refused ? failure : (call.last ?? failure));
      }
    } finally {
      this.#reaching = false;
    }
    this.#flushSoon();
  }

  #openSession(): void {
    if (this.#opening) return;
    this.#opening = true;
    void this.#opened().finally(() => {
      this.#opening = false;
      this.#flushSoon();
    });
  }

  /** Opens a session for the writes that wait for one; they fail if that fails. */
  async #opened(): Promise<void> {
    const began = performance.now();
    try {
      this.#session = await this.#options.openSession(boundsFrom(this.#options.timeoutMs, undefined));
    } catch (error) {
      for (const call of this.#waiting.writes()) {
        if (call.waitingSinceMs <= began) this.#fail(call, error as EnvCliError);
      }
    }
  }

  #onAnswers(stream: PipelineStream, response: PipelineResponse): void {
    this.#broken = 0;
    const again: PendingCall[] = [];
    let began: number | null = Infinity;
    for (const result of response.results) {
      const call = stream.unanswered.take(Number(result.id));
      if (call === undefined || call.state === 'settled') continue;
      if (result.result.case !== 'error' && began !== null) began = call.began === null ? null : Math.min(began, call.began);
      if (!this.#onResult(stream, call, result, response.header)) again.push(call);
    }
    if (response.header !== undefined) this.#options.heard(response.header, began === Infinity ? -1 : began);
    if (again.length > 0) this.#rest(again);
    if (this.#waiting.size > 0) this.#flushSoon();
  }

  /** Takes an answer. False: the call is to go out again. */
  #onResult(stream: PipelineStream, call: PendingCall, { result }: PipelineResult, header: ResponseHeader | undefined): boolean {
    if (result.case === call.kind) {
      this.#settle(call);
      call.resolve({ header, answer: result.value as never });
      return true;
    }
    if (result.case !== 'error') {
      const message = `${stream.channel.address} answered a call of kind ${call.kind} with ${result.case ?? 'nothing'}`;
      this.#fail(call, new EnvCliError({ reason: 'MALFORMED_ANSWER', message }));
      return true;
    }
    return this.#onRefused(stream, call, failureOfStatus(result.value));
  }

  #onRefused(stream: PipelineStream, call: PendingCall, error: EnvCliError): boolean {
    const remedy = remedyOf(error);
    call.failures++;
    call.last = error;
    switch (remedy) {
      case 'never':
      case 'without-token':
        call.uncertain = false;
        this.#fail(call, error);
        return true;
      case 'new-session':
        if (this.#session === call.place?.session) this.#session = null;
        // An attempt before this one may have been done, and its record is gone with the session: it must not go out again.
        if (call.uncertain) {
          this.#fail(call, error);
          return true;
        }
        this.#newNumber(call);
        return false;
      case 'as-new-write':
        call.uncertain = false;
        this.#newNumber(call);
        return false;
      case 'again':
        // A refusal that the session remembers would be answered for ever.
        if (error.details.metadata['reason'] === 'REPLAYED_REFUSAL') {
          call.uncertain = false;
          this.#newNumber(call);
        }
        return false;
      case 'same-session':
        if (call.kind === 'write') call.uncertain = true;
        return false;
      case 'elsewhere':
        this.#members.failed(stream.channel);
        return false;
      default:
        return unreachable(remedy);
    }
  }

  #newNumber(call: PendingCall): void {
    call.place?.session.complete(call.place.sequence);
    call.place = null;
  }

  #onEnded(stream: PipelineStream, error: EnvCliError): void {
    this.#streams.delete(stream);
    const wasCurrent = this.#current === stream;
    if (wasCurrent) this.#current = null;
    this.#members.failed(stream.channel);
    const remedy = remedyOf(error);
    const again: PendingCall[] = [];
    for (const call of stream.unanswered.inOrder()) {
      if (call.state === 'settled') continue;
      if (call.kind === 'write') call.uncertain = true;
      call.failures++;
      call.last = error;
      if (remedy === 'never') this.#fail(call, error);
      else again.push(call);
    }
    if (wasCurrent) this.#broken++;
    // Also when all of its calls were given up: others may have waited for room on it.
    if (again.length > 0 || this.#waiting.size > 0) this.#rest(again, this.#broken);
  }

  /** Lets calls go out again after a while. */
  #rest(calls: readonly PendingCall[], failuresMin = 0): void {
    let failures = Math.max(1, failuresMin);
    let afterMs = 0;
    for (const call of calls) {
      call.state = 'resting';
      failures = Math.max(failures, call.failures);
      afterMs = Math.max(afterMs, call.last?.details.retryAfterMs ?? 0);
    }
    const waitMs = Math.max(afterMs, backoffMs(failures, this.#options.backoff, this.#options.random()));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      for (const call of calls) {
        if (call.state === 'resting') this.#enqueue(call);
      }
      this.#flushSoon();
    }, waitMs);
    this.#timers.set(timer, calls);
  }

  /** The bounds of a call are over. Its number is not sent again, so the cluster may forget it. */
  #giveUp(call: PendingCall): void {
    if (call.kind === 'write' && call.state === 'sent') call.uncertain = true;
    this.#fail(call, overError(call.bounds, call.last, call.uncertain));
  }

  #fail(call: PendingCall, error: EnvCliError): void {
    if (call.state === 'settled') return;
    const unknown = call.uncertain || (call.kind === 'write' && call.state === 'sent' && error.reason === 'CLIENT_CLOSED');
    this.#settle(call);
    if (!unknown || error.outcomeUnknown) {
      call.reject(error);
      return;
    }
    const message = `${error.message}; whether the write was done is not known`;
    call.reject(new EnvCliError({ reason: 'OUTCOME_UNKNOWN', message, outcomeUnknown: true, cause: error }));
  }

  #settle(call: PendingCall): void {
    if (call.state === 'waiting') this.#waiting.leave(call, 'settled');
    call.state = 'settled';
    call.unbind();
    this.#newNumber(call);
    // Its number may have been what others wait for.
    if (this.#waiting.size > 0) this.#flushSoon();
  }

  /** A member whose process is stopped, or that hangs, keeps its connection and says nothing. */
  #watchSilence(): void {
    if (![...this.#streams].some(isSilent)) return;
    // If this process was held up, the answers may lie in the socket: read first.
    setImmediate(() => {
      for (const stream of [...this.#streams].filter(isSilent)) {
        stream.abandon();
        const message = `${stream.channel.address} was silent for ${pipelineLimits.silenceMsMax / 1000} s`;
        this.#onEnded(stream, new EnvCliError({ reason: 'CONNECTION_LOST', message }));
      }
    });
  }
}

function isSilent(stream: PipelineStream): boolean {
  return stream.unanswered.size > 0 && performance.now() - stream.heardMs > pipelineLimits.silenceMsMax;
}
