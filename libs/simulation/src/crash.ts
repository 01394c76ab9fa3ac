/** The places at which a member can die: right before and right after each step that makes something durable or visible. */
export const boundaries = [
  'log append asked',
  'log synced, not told',
  'log synced, told',
  'log reset asked',
  'log reset, not told',
  'state written, not visible',
  'state written',
  'checkpoint begun',
  'checkpoint written, not told',
  'snapshot received',
  'snapshot built, not switched',
  'snapshot switched, not told',
] as const;

export type Boundary = (typeof boundaries)[number];

/** Thrown at a boundary: everything above it on the stack is gone, as the process is. */
export class Crashed extends Error {
  override readonly name = 'Crashed';
  readonly boundary: Boundary;

  constructor(boundary: Boundary) {
    super(`the member dies: ${boundary}`);
    this.boundary = boundary;
  }
}

/** Called at each boundary; throws {@link Crashed} when the member is to die there. */
export type CrashPoint = (boundary: Boundary) => void;
