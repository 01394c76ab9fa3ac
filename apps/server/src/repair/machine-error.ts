import { getSystemErrorMap } from 'node:util';

const asItsUser = 'Run it as the user that the member runs as, on a directory that is its own';
const fewerFiles = 'Raise how many files may be open (ulimit -n)';
const room = 'Make room: a repair needs it for two copies of the state beside the old one';

/** What helps where the machine is what is wrong, by the system's code. None of these says anything about what is in a file. */
const remedies: ReadonlyMap<string, string> = new Map([
  ['EIO', 'Check the disk and its file system'],
  ['ENOSPC', room],
  ['EDQUOT', room],
  ['EROFS', 'Mount its file system for writing'],
  ['EACCES', asItsUser],
  ['EPERM', asItsUser],
  ['EMFILE', fewerFiles],
  ['ENFILE', fewerFiles],
]);

/** An error of the system, as it is told to people. */
export interface SystemProblem {
  /** What the system said, with the path where it names one. */
  readonly reason: string;
  /** A sentence, without its full stop. */
  readonly remedy: string;
}

/** Whether a disk that fails or is full, a file that may not be opened or too many open files are behind an error, and not what was read. */
export function isOfTheMachine(error: unknown): boolean {
  const { system, code } = systemErrorOf(error);
  return system !== null && remedies.has(code);
}

/** What the system has against something, and what helps; null for an error that is not the system's. */
export function systemProblemOf(error: unknown): SystemProblem | null {
  const { system, code } = systemErrorOf(error);
  return system === null ? null : { reason: system.message, remedy: remedies.get(code) ?? 'See what is wrong with that file' };
}

/** The error of the system that an error is, or was thrown for. */
function systemErrorOf(error: unknown): { readonly system: Error | null; readonly code: string } {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, errno } = each as { readonly code?: unknown; readonly errno?: unknown };
    if (typeof errno === 'number' && typeof code === 'string') return { system: each, code };
    // LMDB says the system's own number.
    const name = typeof code === 'number' ? getSystemErrorMap().get(-code)?.[0] : undefined;
    if (name !== undefined) return { system: each, code: name };
  }
  return { system: null, code: '' };
}
