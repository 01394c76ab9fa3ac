import { EnvCliError } from './error.ts';
import { CallQueue, type PendingCall } from './pending-call.ts';
import { callOverheadBytes } from './pipeline-codec.ts';
import { unansweredMax } from './unanswered.ts';

/** What the API allows, and what this client allows itself. */
export const pipelineLimits = {
  /** Calls of a message (`PipelineRequest.calls`). */
  messageCallsMax: 1024,
  /** Bytes of a message's calls (`PipelineRequest.calls`). */
  messageBytesMax: 3 * 1024 * 1024,
  /** Calls of a stream that are unanswered (`PipelineRequest.calls`). */
  unansweredMax,
  /** Bytes that gRPC holds because the connection does not take them; further messages wait here. */
  unsentBytesMax: 4 * 1024 * 1024,
  /** Calls that wait to go out, beyond which a new one is refused with CLIENT_OVERLOADED. */
  waitingCallsMax: 262_144,
  /** Bytes of the calls that wait to go out, beyond which a new one is refused with CLIENT_OVERLOADED. */
  waitingBytesMax: 128 * 1024 * 1024,
  /** Silence of a member that owes an answer, in milliseconds, after which another is asked. */
  silenceMsMax: 5000,
} as const;

/** The calls of a pipeline that wait to go out, within limits. */
export class WaitingCalls {
  readonly #reads = new CallQueue();
  readonly #writes = new CallQueue();
  #calls = 0;
  #bytes = 0;
  #writesTurn = true;

  /** How many there are. */
  get size(): number {
    return this.#calls;
  }

  /** Why a new call cannot be taken; null: it can. */
  refusalOf(request: Uint8Array): EnvCliError | null {
    const size = request.length + callOverheadBytes;
    const { messageBytesMax, waitingCallsMax, waitingBytesMax } = pipelineLimits;
    if (size > messageBytesMax) {
      const message = `the request has ${size} bytes, and one of a pipeline may have ${messageBytesMax}`;
      return new EnvCliError({ reason: 'TOO_LARGE', message });
    }
    if (this.#calls >= waitingCallsMax || this.#bytes + request.length > waitingBytesMax) {
      const message = `${this.#calls} calls of ${this.#bytes} bytes wait to go out; at most ${waitingCallsMax} of ${waitingBytesMax} may`;
      return new EnvCliError({ reason: 'CLIENT_OVERLOADED', message });
    }
    return null;
  }

  enter(call: PendingCall): void {
    call.state = 'waiting';
    call.waitingSinceMs = performance.now();
    this.#calls++;
    this.#bytes += call.request.length;
    (call.kind === 'write' ? this.#writes : this.#reads).push(call);
  }

  /** Says that a call waits no more. */
  leave(call: PendingCall, state: 'sent' | 'settled'): void {
    call.state = state;
    this.#calls--;
    this.#bytes -= call.request.length;
  }

  /** Whether a write waits that needs a number of a session. */
  get needsSession(): boolean {
    const write = this.#writes.peek();
    return write !== undefined && write.place === null;
  }

  /**
   * Takes out the next call that has at most `bytesMax` bytes; undefined when there is none. Reads and writes take turns. A
   * write without a number waits until there is `room` for it in the session, and holds up no read.
   */
  next(bytesMax: number, room: boolean): PendingCall | undefined {
    const read = this.#reads.peek();
    const write = this.#writes.peek();
    const mayWrite = write !== undefined && (write.place !== null || room);
    this.#writesTurn = mayWrite && (read === undefined || !this.#writesTurn);
    const call = this.#writesTurn ? write : read;
    if (call === undefined || call.request.length + callOverheadBytes > bytesMax) return undefined;
    (this.#writesTurn ? this.#writes : this.#reads).shift();
    this.leave(call, 'sent');
    return call;
  }

  /** All of them. */
  all(): PendingCall[] {
    return [...this.#writes.waiting(), ...this.#reads.waiting()];
  }

  /** Those of them that are writes. */
  writes(): PendingCall[] {
    return this.#writes.waiting();
  }
}
