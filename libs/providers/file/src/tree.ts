import { dirname, join } from 'node:path';

import { TargetError } from '@env-cli/outbox';

import type { Disk } from './disk.ts';
import { folderNote, foldersOf, manifestFolder } from './names.ts';

/** The folder of a target, and the folders in it. No symbolic link inside it is followed, so nothing outside it is reached. */
export class Tree {
  readonly #root: string;
  readonly #disk: Disk;

  constructor(root: string, disk: Disk) {
    this.#root = root;
    this.#disk = disk;
  }

  /** The absolute path of a file of the target. */
  pathOf(file: string): string {
    return join(this.#root, file);
  }

  /** The absolute path of a name in the manifest's folder. */
  manifestPathOf(name: string): string {
    return join(this.#root, manifestFolder, name);
  }

  /**
   * Whether all folders on the way to a file are there. Throws {@link TargetError} (`refused`) when something else is in the
   * place of one: what lies behind a link is not ours to touch.
   */
  async reaches(file: string): Promise<boolean> {
    for (const folder of foldersOf(file)) {
      if (!(await this.#isFolder(this.pathOf(folder)))) return false;
    }
    return true;
  }

  /** Makes the target's folder and the manifest's in it, with mode 0700, unless they are there. */
  async makeRoot(): Promise<void> {
    // A root that is itself a link is what the administrator named, so that one is followed.
    await this.#disk.makeRoot(this.#root);
    if (await this.#disk.makeFolder(this.manifestPathOf(''))) await this.#disk.syncFolder(this.#root);
    await this.hasManifest();
  }

  /** Whether the manifest's folder is there. Throws {@link TargetError} (`refused`) when something else is in its place. */
  hasManifest(): Promise<boolean> {
    return this.#isFolder(this.manifestPathOf(''));
  }

  /** Makes the folders on the way to a file, and notes which of them are ours. */
  async makeFoldersOf(file: string): Promise<void> {
    for (const folder of foldersOf(file)) {
      const path = this.pathOf(folder);
      if (await this.#disk.makeFolder(path)) {
        await this.#disk.syncFolder(dirname(path));
        // After the folder: a note beside a folder that somebody else makes later would let us remove theirs.
        const note = this.manifestPathOf(folderNote(folder));
        if ((await this.#disk.look(note)) === null) await this.#disk.create(note, new Uint8Array());
      }
      // Looked at before anything is made in it: behind a link it would be made outside.
      if (!(await this.#isFolder(path))) throw new TargetError('conflict', `${path} vanished meanwhile`);
    }
  }

  /** Removes folders on the way to a file that we made and that are empty now. */
  async removeFoldersOf(file: string): Promise<void> {
    for (const folder of foldersOf(file).toReversed()) {
      const note = this.manifestPathOf(folderNote(folder));
      if ((await this.#disk.look(note)) === null) return;
      if (!(await this.#disk.removeFolder(this.pathOf(folder)))) return;
      await this.#disk.syncFolder(dirname(this.pathOf(folder)));
      await this.#disk.unlink(note);
    }
  }

  /** False: nothing is there. */
  async #isFolder(path: string): Promise<boolean> {
    const standing = await this.#disk.look(path);
    if (standing === null || standing.kind === 'folder') return standing !== null;
    const what = standing.kind === 'file' ? 'a file' : 'a symbolic link or something like it';
    throw new TargetError('refused', `${path} is ${what}, and a folder is needed in its place: move it away`);
  }
}
