import { readdirSync, readFileSync } from 'node:fs';

/**
 * Kills the processes that this one started, by their ids: members, generators and clients.
 *
 * For a run that is told to stop: whoever waits for one of them learns that it ended, and cleans up. Of Linux alone; elsewhere
 * a terminal's Ctrl-C reaches them by itself.
 */
export function killOwnChildren(): void {
  for (const pid of ownChildren()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself in the meantime.
    }
  }
}

function ownChildren(): number[] {
  try {
    const threads = readdirSync('/proc/self/task');
    const lists = threads.map((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8'));
    return lists.flatMap((list) => list.split(' ').map(Number)).filter((pid) => pid > 0);
  } catch {
    return [];
  }
}
