import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of a file that are looked at at once. */
const chunkBytes = 16 * 1024 * 1024;

/** What all forms of a kind begin with: the part of a secret that is the same in all. */
const beginningCharacters = 8;

/** Secrets that no other test and no format would come up with, and the ways in which one could lie somewhere. */
export class PlantedSecrets {
  readonly texts: readonly string[];
  readonly #needles: ReadonlyMap<string, string>;
  readonly #longest: number;
  readonly #lengths: ReadonlySet<number>;
  /** Every form of every secret begins with one of these. */
  readonly #beginnings: ReadonlySet<string>;

  /** `mark` tells the secrets of a run apart; each has 30 characters and more. */
  constructor(mark: string, count: number) {
    this.texts = Array.from({ length: count }, (_, i) => `pl4nted-${mark}-${String(i).padStart(4, '0')}-s3cr3t-value`);
    this.#needles = new Map(this.texts.flatMap((text) => formsOf(text).map((form) => [form, text] as const)));
    const forms = [...this.#needles.keys()];
    this.#lengths = new Set(forms.map(({ length }) => length));
    this.#longest = Math.max(...this.#lengths);
    this.#beginnings = new Set(forms.map((form) => form.slice(0, beginningCharacters)));
  }

  /** The planted secrets that bytes hold, in the clear, in base64 (at any offset), in hexadecimal digits or in UTF-16. */
  in(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    for (const beginning of this.#beginnings) {
      for (let at = bytes.indexOf(beginning, 0, 'latin1'); at >= 0; at = bytes.indexOf(beginning, at + 1, 'latin1')) {
        const here = bytes.toString('latin1', at, at + this.#longest);
        for (const length of this.#lengths) {
          const text = this.#needles.get(here.slice(0, length));
          if (text !== undefined) found.add(text);
        }
      }
    }
    return found;
  }

  /** The same of a file, however large. */
  inFile(path: string): Set<string> {
    const found = new Set<string>();
    const file = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(chunkBytes + this.#longest);
      let kept = 0;
      for (;;) {
        const read = readSync(file, buffer, kept, chunkBytes, null);
        if (read === 0) return found;
        const filled = buffer.subarray(0, kept + read);
        for (const text of this.in(filled)) found.add(text);
        kept = Math.min(this.#longest, filled.length);
        filled.copy(buffer, 0, filled.length - kept);
      }
    } finally {
      closeSync(file);
    }
  }

  /** The same of every file below a folder: which file holds which. */
  inFolder(folder: string): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>();
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const texts = this.#inFileIfThere(path);
      if (texts.size > 0) found.set(path, texts);
    }
    return found;
  }

  /** Members run while their files are looked at: one that has got its final name since is found under that, or was before. */
  #inFileIfThere(path: string): Set<string> {
    try {
      return this.inFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new Set();
    }
  }

  /** Of the command line and the environment of a process. */
  inProcess(pid: number): Set<string> {
    return this.in(Buffer.concat([readFileSync(`/proc/${pid}/cmdline`), readFileSync(`/proc/${pid}/environ`)]));
  }

  /** Of the command lines of all processes that this user may see. */
  inCommandLines(): Set<string> {
    return this.in(execFileSync('ps', ['-eo', 'args'], { maxBuffer: 64 * 1024 * 1024 }));
  }
}

/** How a text may lie in a file. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  // In base64 of a longer text it has three faces, by its offset; what depends on its neighbours is cut off.
  const faces = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replaceAll('=', '')
      .slice(offset === 0 ? 0 : offset + 1, -2),
  );
  return [text, ...faces, bytes.toString('hex'), Buffer.from(text, 'utf16le').toString('latin1')];
}
