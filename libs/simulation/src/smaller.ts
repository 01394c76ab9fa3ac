import { fairWeather } from './network.ts';
import type { RunSettings } from './settings.ts';
import { type Run, type RunOptions, simulate } from './simulate.ts';

/** What is taken from the run that a seed draws. What is null stays as it was drawn. */
export interface Smaller {
  readonly members: number | null;
  readonly clients: number | null;
  /** How long faults go on. */
  readonly faultsMs: number | null;
  /** The numbers of the faults that happen. */
  readonly faults: readonly number[] | null;
  /** Messages are neither lost nor doubled nor slow. */
  readonly calm: boolean;
  /** Nobody dies at a boundary. */
  readonly deathless: boolean;
}

export const asDrawn: Smaller = { members: null, clients: null, faultsMs: null, faults: null, calm: false, deathless: false };

/** The options of a run that was made smaller. */
export function optionsOf({
  members,
  clients,
  faultsMs,
  faults,
  calm,
  deathless,
}: Smaller): Pick<RunOptions, 'reduce' | 'keepsFault'> {
  return {
    reduce: (drawn: RunSettings): RunSettings => ({
      ...drawn,
      memberCount: members ?? drawn.memberCount,
      clients: { ...drawn.clients, clients: clients ?? drawn.clients.clients },
      faultsMs: faultsMs ?? drawn.faultsMs,
      weather: calm ? fairWeather : drawn.weather,
      crashProbability: deathless ? 0 : drawn.crashProbability,
    }),
    keepsFault: (number) => faults === null || faults.includes(number),
  };
}

/** The flags that replay it. */
export function flagsOf({ members, clients, faultsMs, faults, calm, deathless }: Smaller): string {
  return [
    members === null ? '' : ` --members ${members}`,
    clients === null ? '' : ` --clients ${clients}`,
    faultsMs === null ? '' : ` --faults-ms ${faultsMs}`,
    faults === null ? '' : ` --faults ${faults.join(',') || 'none'}`,
    calm ? ' --calm' : '',
    deathless ? ' --deathless' : '',
  ].join('');
}

/** Runs that are tried to make one smaller. */
const triesMax = 150;

/** Looks for the smallest run of the seed that breaks the same rule: shorter, with fewer members, clients and faults. */
export function shrink(failed: Run): { readonly smaller: Smaller; readonly run: Run; readonly tries: number } {
  const rule = failed.violation?.rule;
  let smaller = asDrawn;
  let run = failed;
  let tries = 0;
  const attempt = (candidate: Partial<Smaller>): boolean => {
    if (tries >= triesMax) return false;
    tries++;
    const next = { ...smaller, ...candidate };
    const result = simulate({ seed: failed.seed, ...optionsOf(next) });
    // One that takes longer to break it may have less in it, and is not easier to read.
    if (result.violation?.rule !== rule || result.events > failed.events) return false;
    smaller = next;
    run = result;
    return true;
  };
  for (let faultsMs = Math.ceil(run.virtualMs); faultsMs > 100; faultsMs = Math.floor(faultsMs / 2))
    if (faultsMs < run.settings.faultsMs && !attempt({ faultsMs })) break;
  attempt({ deathless: true });
  attempt({ calm: true });
  for (const members of [2, 3, 4, 5, 6]) if (members < run.settings.memberCount && attempt({ members })) break;
  if (run.settings.clients.clients > 1) attempt({ clients: 1 });
  let faults = run.faultNumbers;
  if (attempt({ faults: [] })) return { smaller, run, tries };
  for (let size = Math.ceil(faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < faults.length;) {
      const fewer = [...faults.slice(0, at), ...faults.slice(at + size)];
      if (attempt({ faults: fewer })) faults = fewer;
      else at += size;
    }
  }
  return { smaller, run, tries };
}
