import { parseArgs } from 'node:util';

import { workNames, type WorkName } from './works.ts';

export interface BenchOptions {
  /** The works that are measured. */
  readonly only: ReadonlySet<WorkName>;
  /** Rounds of both systems; figures are their medians. Defaults to 3. */
  readonly rounds: number;
  /** Load before each measurement, in milliseconds. Defaults to 3,000. */
  readonly warmMs: number;
  /** Each measurement, in milliseconds. Defaults to 8,000. */
  readonly measureMs: number;
  /** Profiles our members instead of measuring. */
  readonly profile: boolean;
  readonly help: boolean;
}

export const helpText = `npm run bench -- [options]

Measures three members of env-cli and three of etcd, one system after the other, on this machine, and prints their ratio.

  --only W1,W3   these works alone: ${workNames.join(', ')}
  --rounds 3     rounds of both systems; figures are their medians
  --seconds 8    length of each measurement
  --quick        one round, 4 s each
  --profile      no measurement: the hottest functions of our members under load (of W1, W3 and R1, or of --only)
`;

/** Reads the arguments of a run. Throws a TypeError that names what it does not know. */
export function readBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, profile, help } = values;
  const byDefault = profile ? profiledByDefault : workNames;
  return {
    only: new Set(values.only?.split(',').map(workName) ?? byDefault),
    rounds: values.rounds === undefined ? (quick ? 1 : 3) : within('--rounds', Number(values.rounds), 20),
    warmMs: quick ? 2000 : 3000,
    measureMs: values.seconds === undefined ? (quick ? 4000 : 8000) : within('--seconds', Number(values.seconds), 60) * 1000,
    profile,
    help,
  };
}

const profiledByDefault: readonly WorkName[] = ['W1', 'W3', 'R1'];

function workName(text: string): WorkName {
  const name = workNames.find((known) => known === text.trim());
  if (name === undefined) throw new TypeError(`--only: there is no work ${text}; there are ${workNames.join(', ')}`);
  return name;
}

function within(option: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 1 || value > max) throw new TypeError(`${option} is a number from 1 to ${max}`);
  return value;
}
