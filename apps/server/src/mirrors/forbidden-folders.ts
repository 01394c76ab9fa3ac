import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { FolderProblem } from '@env-cli/provider-file';

/** Files that stand together in the data directory of every member, this one or another on this machine. */
const dataDirectoryFiles = ['identity', 'CURRENT'];

/**
 * Refuses folders in which a mirror would write among the files of a member: those inside, equal to or around the own data directory,
 * and those inside that of any other member of this machine. What mirrors write they also delete.
 */
export function forbiddenFolders(dataDir: string): FolderProblem {
  const directory = resolve(dataDir);
  return (path) => {
    // Asked each time: while it is made it is not there, and the way to it may be led elsewhere.
    const own = existsSync(directory) ? realpathSync(directory) : directory;
    const next = 'give the mirror a folder of its own';
    if (isWithin(path, own)) return `the directory ${path} lies in the data directory of this member, ${own}: ${next}`;
    if (isWithin(own, path)) return `the directory ${path} holds the data directory of this member, ${own}: ${next}`;
    const other = dataDirectoryAbove(path);
    return other === null ? null : `the directory ${path} lies in the data directory of a member, ${other}: ${next}`;
  };
}

/** Whether a path is a folder or lies in it. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

function dataDirectoryAbove(path: string): string | null {
  for (let folder = path; ; folder = dirname(folder)) {
    if (dataDirectoryFiles.every((name) => existsSync(join(folder, name)))) return folder;
    if (dirname(folder) === folder) return null;
  }
}
