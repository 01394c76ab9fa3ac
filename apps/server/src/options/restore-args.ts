import { StartRefused } from './refusal.ts';

/** The word that makes a restore of a start. */
export const restoreWord = 'restore';
/** The word that makes a recovery of a start. */
export const recoverWord = 'recover';
/** The word that makes a repair of a start. */
export const repairWord = 'repair';

/** What follows {@link restoreWord}: the backup, and the flags that are those of a member. Throws {@link StartRefused}. */
export function readRestoreArgs(args: readonly string[]): { readonly from: string | null; readonly rest: readonly string[] } {
  const { values, rest } = take(args, { '--from': 'the file that env-cli backup made' });
  return { from: values['--from'] ?? null, rest };
}

/** What follows {@link recoverWord}: the directory, the backup that is made of it, and the flags of a member. Throws {@link StartRefused}. */
export function readRecoverArgs(args: readonly string[]): {
  readonly dataDir: string | null;
  readonly to: string | null;
  readonly rest: readonly string[];
} {
  const { values, rest } = take(args, {
    '--from-data-dir': 'the data directory of a member that does not run',
    '--to': 'the file that becomes the backup',
  });
  return { dataDir: values['--from-data-dir'] ?? null, to: values['--to'] ?? null, rest };
}

/** What follows {@link repairWord}: the words that replace a sound state, and the flags of a member. Throws {@link StartRefused}. */
export function readRepairArgs(args: readonly string[]): { readonly force: string | null; readonly rest: readonly string[] } {
  const { values, rest } = take(args, { '--force': 'the words that replace a state with which nothing is wrong' });
  return { force: values['--force'] ?? null, rest };
}

/** Takes flags with a value out of `args`; `known` says of each what its value is. The last one counts. */
function take<Flag extends string>(
  args: readonly string[],
  known: Readonly<Record<Flag, string>>,
): { readonly values: Partial<Record<Flag, string>>; readonly rest: readonly string[] } {
  const values: Partial<Record<Flag, string>> = {};
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const flag = (Object.keys(known) as Flag[]).find((name) => arg === name || arg.startsWith(`${name}=`));
    if (flag === undefined) {
      rest.push(arg);
      continue;
    }
    const value = arg === flag ? (args[++at] ?? '') : arg.slice(flag.length + 1);
    if (value === '') throw new StartRefused('options', `flag ${flag} lacks its value: ${known[flag]}`);
    values[flag] = value;
  }
  return { values, rest };
}
