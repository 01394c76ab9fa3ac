import type { Effect, InitialState, Message, RaftOptions, Status } from './door.ts';

/** One member's consensus: no clock, no disk, no network. One object a process life; not reentrant. */
export declare class Raft {
  constructor(options: RaftOptions, initial: InitialState);
  /** Everything that follows from one message. A broken invariant throws, and the member must stop. */
  step(message: Message): Effect[];
  status(): Status;
}
