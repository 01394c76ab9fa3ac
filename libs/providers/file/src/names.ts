/** The folder inside the target in which the provider keeps what it knows of its files. No environment's name begins with a dot. */
export const manifestFolder = '.env-cli-manifest';

/** Bytes of one name that file systems take. */
const nameBytesMax = 255;

/** One part of an environment's name. What matches can be no `..`, no hidden file and no path of its own. */
const segment = /^[a-z0-9][a-z0-9._-]*$/;

/** Why an environment's name makes no file; null: it does. */
export function nameProblem(environment: string, extension: string): string | null {
  if (!environment.split('/').every((part) => segment.test(part))) return `${environment} is no name that a file can have`;
  const longest = stampName(`${environment}${extension}`).length;
  if (longest <= nameBytesMax) return null;
  return `the name is ${longest - nameBytesMax} bytes too long for a file: give the environment a shorter one`;
}

/**
 * The name of the manifest's entry for a file. One entry a file, flat: two members that write at once (one of them a leader that
 * was paused and does not know that it is deposed) then never overwrite what the other says of other files. `+` stands for
 * `/`, and in no environment's name.
 */
export function stampName(file: string): string {
  return `${file.replaceAll('/', '+')}.stamp`;
}

/** The file that an entry is for; null: the name is no entry's. */
export function fileOfStamp(name: string): string | null {
  return name.endsWith('.stamp') ? name.slice(0, -'.stamp'.length).replaceAll('+', '/') : null;
}

/** The name of the manifest's note that a folder was made by us, and may go when it is empty. */
export function folderNote(folder: string): string {
  return `${folder.replaceAll('/', '+')}.folder`;
}

/** The folders on the way to a file, the outermost first: `a/b/c.env` → `a`, `a/b`. */
export function foldersOf(file: string): string[] {
  const parts = file.split('/').slice(0, -1);
  return parts.map((_part, at) => parts.slice(0, at + 1).join('/'));
}
