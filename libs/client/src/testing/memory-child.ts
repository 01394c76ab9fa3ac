/**
 * Says in JSON what ten thousand reads and ten thousand writes at once cost: the bytes of memory beyond those of before, while all of
 * them wait for their answers and after all have come, and the messages that carried them. Run with `--expose-gc`.
 */
import { connect } from '../client.ts';
import { sessionWindowMax } from '../session.ts';
import { TwinMember, TwinState } from './twin.ts';

const callsOfKind = 10_000;
/** What is sent without an answer: all reads, and the writes of a session's window; the other writes wait in the client. */
const sentUnanswered = callsOfKind + sessionWindowMax;
const gc = (globalThis as { readonly gc?: () => void }).gc!;
const heldBytes = (): number => {
  gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
};

const state = new TwinState();
state.environments.set('a', new Map([['X', '1']]));
const held: (() => void)[] = [];
let isHolding = false;
let carried = 0;
let heldCalls = 0;
const allSent = Promise.withResolvers<void>();
const member = await TwinMember.start(state, {
  pipeline: (stream, request, self) => {
    carried++;
    if (isHolding) {
      held.push(() => self.answerAll(stream, request));
      heldCalls += request.calls.length;
      if (heldCalls === sentUnanswered) allSent.resolve();
    } else self.answerAll(stream, request);
    // The twin's own record of messages is not what is measured.
    self.messages.length = 0;
  },
});
const client = await connect(member.address, { timeoutMs: 60_000 });

/** Makes the calls; with `release`, answers them only once all that can be sent has been. */
async function round(): Promise<{ readonly waitingBytes: number; readonly messages: number }> {
  carried = 0;
  const calls = Array.from({ length: callsOfKind }, (_, i) => [
    client.environments.get('a'),
    client.environments.set('a', { X: String(i) }),
  ]).flat();
  if (isHolding) await allSent.promise;
  const waitingBytes = heldBytes();
  isHolding = false;
  for (const answer of held.splice(0)) answer();
  await Promise.all(calls);
  return { waitingBytes, messages: carried };
}

// The first one warms up: code, sockets, buffers.
await round();
state.executed.clear();
const baseBytes = heldBytes();
isHolding = true;
const { waitingBytes, messages } = await round();
state.executed.clear();
const afterBytes = heldBytes();
process.stdout.write(
  `${JSON.stringify({ waitingBytes: waitingBytes - baseBytes, afterBytes: afterBytes - baseBytes, messages })}\n`,
);
await client.close();
member.stop();
