/** The places at which a member can die: right before and right after each step that makes something durable or visible. */
export const boundaries = [
  'log append asked',
  'term and vote asked',
  'term and vote synced, not told',
  'vote sent',
  'log synced, not told',
  'log synced, told',
  'log reset asked',
  'log reset, not told',
  'log release asked',
  'log released',
  'state written, not visible',
  'state written',
  'checkpoint begun',
  'checkpoint written, not told',
  'snapshot received',
  'snapshot built, not switched',
  'snapshot switched, not told',
] as const;

export type Boundary = (typeof boundaries)[number];

/** Thrown where a member dies, at a boundary or of its disk: everything above it on the stack is gone, as the process is. */
export class Crashed extends Error {
  override readonly name = 'Crashed';

  constructor(why: Boundary | 'a sync failed' | 'an entry that was read is damaged') {
    super(`the member dies: ${why}`);
  }
}

/** Called at each boundary; throws {@link Crashed} when the member is to die there. */
export type CrashPoint = (boundary: Boundary) => void;
