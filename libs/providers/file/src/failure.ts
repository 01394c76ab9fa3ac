import type { FailureClass } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';

import { codeOf } from './disk.ts';

/** What the file system says, what that is to a delivery, and what a person may do. Whatever is not here may pass by itself. */
const known: Readonly<Record<string, readonly [FailureClass, string]>> = {
  EACCES: ['refused', 'the member has no permission: change the owner or the mode, or run the member as another user'],
  EPERM: ['refused', 'it is not permitted'],
  EROFS: ['refused', 'the file system is read-only'],
  ENAMETOOLONG: ['refused', 'the name is too long for the file system'],
  ENOTDIR: ['refused', 'a part of the path is no folder'],
  EISDIR: ['refused', 'a folder is in its place'],
  ELOOP: ['refused', 'a symbolic link is in its place, and links are not followed'],
  EXDEV: ['refused', 'another file system is mounted inside the folder: give that one a mirror of its own'],
  EEXIST: ['conflict', 'something came there meanwhile'],
  ENOENT: ['conflict', 'something vanished meanwhile'],
  ENOSPC: ['unavailable', 'the disk is full'],
  EDQUOT: ['unavailable', 'the quota is used up'],
  EMFILE: ['unavailable', 'the member has too many files open'],
  EIO: ['unavailable', 'the disk failed'],
};

/** Makes the failure of a call to the file system one of the target. Errors of other kinds are passed on. */
export function targetErrorOf(error: unknown, doing: string): unknown {
  const code = codeOf(error);
  if (code === '') return error;
  const [failureClass, text] = known[code] ?? ['unavailable', 'the file system failed'];
  return new TargetError(failureClass, `${doing}: ${text} (${code})`);
}
