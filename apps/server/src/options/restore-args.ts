import { StartRefused } from './refusal.ts';

/** The word that makes a restore of a start. */
export const restoreWord = 'restore';

/** What follows {@link restoreWord}: the backup, and the flags that are those of a member. Throws {@link StartRefused}. */
export function readRestoreArgs(args: readonly string[]): { readonly from: string | null; readonly rest: readonly string[] } {
  let from: string | null = null;
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg !== '--from' && !arg.startsWith('--from=')) {
      rest.push(arg);
      continue;
    }
    from = arg === '--from' ? (args[++at] ?? '') : arg.slice('--from='.length);
    if (from === '') throw new StartRefused('options', 'flag --from lacks its value: the file that env-cli backup made');
  }
  return { from, rest };
}
