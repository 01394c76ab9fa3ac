import { readFileSync } from 'node:fs';

/** Cores that were busy, on average, during a measurement. */
export interface CpuShares {
  readonly members: number;
  /** The load generators, and this program. */
  readonly clients: number;
  /** Processes that have nothing to do with it, and what a hypervisor took away. */
  readonly others: number;
}

/** USER_HZ, which Linux has fixed for programs. */
const ticksPerSecond = 100;

interface Reading {
  readonly atMs: number;
  readonly busyTicks: number;
  readonly membersTicks: number;
  readonly clientsTicks: number;
}

/** Watches who uses the cores between its making and `end()`. Of Linux alone: elsewhere it knows nothing. */
export class CpuWatch {
  readonly #members: readonly number[];
  readonly #clients: readonly number[];
  readonly #before: Reading | null;

  /** Process ids of the members, and of generators that live as long as the watch. Generators that begin and end within it are found anyway. */
  constructor(members: readonly number[], clients: readonly number[] = []) {
    this.#members = members;
    this.#clients = clients;
    this.#before = this.#read();
  }

  end(): CpuShares | null {
    const after = this.#read();
    if (this.#before === null || after === null) return null;
    const before = this.#before;
    const ticks = ((after.atMs - before.atMs) / 1000) * ticksPerSecond;
    const members = (after.membersTicks - before.membersTicks) / ticks;
    const clients = (after.clientsTicks - before.clientsTicks) / ticks;
    return { members, clients, others: Math.max(0, (after.busyTicks - before.busyTicks) / ticks - members - clients) };
  }

  #read(): Reading | null {
    try {
      const sum = (pids: readonly number[]): number => pids.reduce((total, pid) => total + processTicks(statOf(pid)).own, 0);
      const self = processTicks(statOf('self'));
      return {
        atMs: performance.now(),
        busyTicks: busyTicks(readFileSync('/proc/stat', 'utf8')),
        membersTicks: sum(this.#members),
        clientsTicks: sum(this.#clients) + self.own + self.ended,
      };
    } catch {
      return null;
    }
  }
}

function statOf(pid: number | 'self'): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8');
}

/** From /proc/stat, of all cores: everything but idling and waiting for a disk. */
export function busyTicks(stat: string): number {
  const [user, nice, system, , , irq, softIrq, steal] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number);
  return [user, nice, system, irq, softIrq, steal].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0);
}

/** From /proc/PID/stat: ticks of the process itself, and of its children that have ended. */
export function processTicks(stat: string): { readonly own: number; readonly ended: number } {
  // The name, in parentheses, may hold spaces and parentheses. `utime` is the 14th field, the 12th after the name.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  return { own: (utime ?? 0) + (stime ?? 0), ended: (cutime ?? 0) + (cstime ?? 0) };
}
