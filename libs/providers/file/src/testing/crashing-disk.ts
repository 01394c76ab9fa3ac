import { type Disk, nodeDisk } from '../disk.ts';

/** What every call to a disk throws once its machine has stopped. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** Calls that change something. */
const changing = ['create', 'makeFolder', 'makeRoot', 'rename', 'link', 'unlink', 'removeFolder', 'syncFolder'] as const;

/** A disk whose machine crashes (or rests, if it is given something to wait for) before its n-th change, and that tells what was done. */
export class CrashingDisk {
  /** The changes that were made, as `rename a b`. */
  readonly done: string[] = [];
  readonly disk: Disk;
  crashed = false;
  /** Called at the crash: whoever runs on this machine is gone in that moment. */
  onCrash: () => void = () => {};

  constructor(changesBeforeCrash = Infinity, rest: Promise<void> | null = null) {
    const step = <T>(name: string, call: () => Promise<T>): Promise<T> => {
      const changes = changing.some((change) => change === name.split(' ', 1)[0]);
      if (changes && this.done.length >= changesBeforeCrash && !this.crashed) {
        this.crashed = true;
        this.onCrash();
      }
      if (this.crashed && rest === null) return Promise.reject(new Crash('the machine stopped'));
      if (changes) this.done.push(name);
      return this.crashed && rest !== null ? rest.then(call) : call();
    };
    this.disk = {
      look: (path) => step('look', () => nodeDisk.look(path)),
      read: (path, bytesMax) => step('read', () => nodeDisk.read(path, bytesMax)),
      list: (path) => step('list', () => nodeDisk.list(path)),
      create: (path, bytes) => step(`create ${path}`, () => nodeDisk.create(path, bytes)),
      makeFolder: (path) => step(`makeFolder ${path}`, () => nodeDisk.makeFolder(path)),
      makeRoot: (path) => step(`makeRoot ${path}`, () => nodeDisk.makeRoot(path)),
      realPath: (path) => step('realPath', () => nodeDisk.realPath(path)),
      rename: (from, to) => step(`rename ${from} ${to}`, () => nodeDisk.rename(from, to)),
      link: (from, to) => step(`link ${from} ${to}`, () => nodeDisk.link(from, to)),
      unlink: (path) => step(`unlink ${path}`, () => nodeDisk.unlink(path)),
      removeFolder: (path) => step(`removeFolder ${path}`, () => nodeDisk.removeFolder(path)),
      syncFolder: (path) => step(`syncFolder ${path}`, () => nodeDisk.syncFolder(path)),
    };
  }
}
