import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of the state on disk: of every file in the data directory's `state-…` folders. */
export function stateBytes(dataDir: string): number {
  let bytes = 0;
  for (const folder of list(dataDir)) {
    if (!folder.startsWith('state-')) continue;
    for (const file of list(join(dataDir, folder)))
      bytes += statSync(join(dataDir, folder, file), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/** What a folder holds; nothing when it is not there (any more). */
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
