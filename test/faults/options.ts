import { parseArgs } from 'node:util';

export interface FaultsOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Null: as namespaces where they are to be had. */
  readonly network: 'namespaces' | 'proxies' | null;
  readonly members: number;
  /** Measures what a killed leader costs, so many times, instead. 0: not. */
  readonly leaderKills: number;
  /** Measures what a swap of all members costs strong reads, so many times, instead. 0: not. */
  readonly swaps: number;
  readonly help: boolean;
}

export const helpText = `npm run test:faults -- [options]

Real members under load, with faults of processes, disks and the network, drawn from a seed. The clients' histories are checked.

  --minutes 5           how long it goes on
  --seed N              the first trial's seed; each trial has the next one
  --network proxies     the network: namespaces or proxies, in turn unless it is given
  --members 3           members of a cluster: 3 or 5
  --leader-kills 20     instead: kills the leader so many times, and says for how long nothing was acknowledged
  --swaps 3             instead: swaps all of five members one by one, and two at a time, so many times, and says for how long strong reads
                        failed; longer than one election is a failure
`;

/** Reads the arguments of a run. Throws a TypeError that names what it does not know. */
export function readFaultsOptions(args: readonly string[], anySeed: number): FaultsOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(anySeed) },
      network: { type: 'string' },
      members: { type: 'string', default: '3' },
      'leader-kills': { type: 'string', default: '0' },
      swaps: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  const { network } = values;
  if (network !== undefined && network !== 'namespaces' && network !== 'proxies')
    throw new TypeError(`--network is namespaces or proxies, not ${network}`);
  const members = within('--members', values.members, 3, 5);
  if (members === 4) throw new TypeError('--members is 3 or 5');
  return {
    minutes: within('--minutes', values.minutes, 1, 24 * 60),
    seed: within('--seed', values.seed, 0, 2 ** 32 - 1),
    network: network ?? null,
    members,
    leaderKills: within('--leader-kills', values['leader-kills'], 0, 1000),
    swaps: within('--swaps', values.swaps, 0, 1000),
    help: values.help,
  };
}

function within(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new TypeError(`${option} is a whole number from ${min} to ${max}`);
  return value;
}
