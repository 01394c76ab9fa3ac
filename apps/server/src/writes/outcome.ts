import { unreachable } from '@env-cli/support';

import { Refused } from '../errors/refused.ts';
import type { Applied } from '../member/member.ts';
import type { StuckMirror } from '../mirrors/stuck.ts';

/** What a command came to. */
export interface Done {
  /** The revision of the write; of the newest earlier one when nothing changed. */
  readonly revision: number;
  readonly changed: boolean;
  /** An earlier attempt of the same session and sequence had done it. */
  readonly replayed: boolean;
  /** A state that has applied this index has seen it. */
  readonly appliedIndex: number;
  /** Of the mirrors that the write was to wait for, those that do not hold it, sorted. Absent: it waited for none. */
  readonly mirrorsBehind?: readonly string[];
  /** Those of them that come no further before somebody acts, sorted. Absent: it waited for none. */
  readonly mirrorsStuck?: readonly StuckMirror[];
}

/** What came of a command that was applied; throws why it was refused. `sequence` is its number in a session, or 0. */
export function doneOf({ result, appliedIndex }: Applied, sequence: number): Done {
  switch (result.kind) {
    case 'applied':
    case 'unchanged':
      return { revision: result.revision, changed: result.kind === 'applied', replayed: false, appliedIndex };
    case 'replayed': {
      const { answer, revision } = result;
      if (answer === 'applied' || answer === 'unchanged')
        return { revision, changed: answer === 'applied', replayed: true, appliedIndex };
      throw new Refused({ code: 'replayed-refusal', answer, sequence });
    }
    case 'refused':
      throw new Refused(result.refusal);
    default:
      return unreachable(result);
  }
}
