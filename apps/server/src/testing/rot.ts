import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Flips a bit in every copy of a text that the state in a data directory holds, whose member does not run. Answers how many there were. */
export function rotState(dataDir: string, text: string): number {
  let copies = 0;
  for (const state of readdirSync(dataDir).filter((name) => name.startsWith('state-'))) {
    const file = join(dataDir, state, 'data.mdb');
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      bytes[at]! ^= 1;
      copies++;
    }
    writeFileSync(file, bytes);
  }
  return copies;
}
