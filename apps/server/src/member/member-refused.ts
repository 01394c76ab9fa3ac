/** Why a member cannot be started, or go on: for people, with what to do next. */
export class MemberRefused extends Error {
  override readonly name = 'MemberRefused';
  /** Stable; one word for what is wrong. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
