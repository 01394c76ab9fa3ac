import type { DiskMemory, RememberedDisk } from '@env-cli/replica';

/** What a member has written of the disks of others: a crash takes what it learnt since. */
export class SeenDisk {
  durable: readonly RememberedDisk[] = [];

  copy(): SeenDisk {
    const copy = new SeenDisk();
    copy.durable = this.durable;
    return copy;
  }

  write(memory: DiskMemory): void {
    this.durable = memory.remembered;
  }
}
