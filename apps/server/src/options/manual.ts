import { notBuilt } from './not-built.ts';
import type { Options } from './read.ts';
import { exitCodes } from './refusal.ts';
import { optionKeys, optionOf, variableOf } from './table.ts';

/** What `env-cli-server --help` prints. */
export function helpText(): string {
  const rows = optionKeys.map((key) => {
    const { flag, text, kind, default: value } = optionOf(key);
    return `  --${flag}${typeof value === 'boolean' ? '' : ' VALUE'}\n      ${text}\n      ${capital(kind.allowed)}. Default: ${kind.show(value)}. In TOML: ${key}.`;
  });
  return [
    'env-cli-server: one member of an env-cli cluster',
    '',
    'Usage: env-cli-server [--config FILE] [flags]',
    '       env-cli-server restore --from FILE [--config FILE] [flags]',
    '       env-cli-server repair [--config FILE] [flags]',
    '       env-cli-server recover --from-data-dir DIR --to FILE [--config FILE] [flags]',
    '',
    '  --config FILE     Reads options from a TOML file. Variables go over it, flags over both.',
    '  --print-config    Prints every option with its value and where it came from, and exits.',
    '  --check-config    Says whether a member would start with these options, as far as they alone tell, and exits.',
    '  --version         Prints the version, and exits.',
    '  --help            Prints this, and exits.',
    '',
    '  restore --from FILE   Makes the data directory of a member (data-dir, member-id) of a new cluster (members) from a backup, and exits.',
    '                        All members are restored from the same file with the same members, and then started. See docs/backup.md.',
    '  repair                Gives a member whose state is wrong, rotten or lost the state of another member, and exits: log, votes and number stay. Takes the',
    '                        configuration with which the member starts. See docs/operating.md.',
    '  recover --from-data-dir DIR --to FILE',
    '                        Makes a backup of what the disk of one member holds, when the majority of the disks is lost, and exits. See docs/operating.md.',
    '',
    ...rows,
    '',
  ].join('\n');
}

/** What `--print-config` prints: a TOML file that says the same, with the origin of each value beside it. */
export function printedConfig({ values, origins }: Options): string {
  const lines: string[] = [];
  let table = '';
  for (const key of optionKeys) {
    const { name, rest } = placeOf(key);
    if (name !== table) lines.push(...(table === '' ? [] : ['']), `[${name}]`);
    table = name;
    lines.push(`${rest} = ${optionOf(key).kind.show(values[key])} # ${origins[key]}`);
  }
  return `${lines.join('\n')}\n`;
}

/** docs/configuration.md. */
export function configurationPage(): string {
  const lines = [
    '# Configuration of a member',
    '',
    '<!-- Made from apps/server/src/options by `npm run docs`. Changes here are overwritten. -->',
    '',
    'A flag goes over an environment variable, a variable over the file that `--config` (or `ENV_CLI_CONFIG`) names, the file over the default.',
    '`env-cli-server --print-config` shows what holds and where each value came from, `--check-config` only says whether it is accepted. An unknown key, a bad',
    'value and a key whose feature does not exist yet are refused at the start, with the line.',
    '',
  ];
  let table = '';
  for (const key of optionKeys) {
    const { flag, text, kind, default: value } = optionOf(key);
    const { name, rest } = placeOf(key);
    if (name !== table) {
      if (table !== '') lines.push('');
      lines.push(
        `## \`[${name}]\``,
        '',
        '| key | flag, variable | allowed | default | what it does |',
        '| --- | --- | --- | --- | --- |',
      );
    }
    table = name;
    lines.push(
      `| \`${rest}\` | \`--${flag}\`, \`${variableOf(key)}\` | ${cell(kind.allowed)} | \`${kind.show(value)}\` | ${cell(text)} |`,
    );
  }
  lines.push(
    '',
    '## Not built yet',
    '',
    'These keys have their place in the file, and are refused until their feature exists.',
    '',
  );
  lines.push(
    '| key | feature |',
    '| --- | --- |',
    ...Object.entries(notBuilt).map(([key, { feature }]) => `| \`${key}\` | ${feature} |`),
  );
  lines.push('', '## Exit codes of `env-cli-server`', '', '| code | why |', '| --- | --- |');
  for (const { code, text } of Object.values(exitCodes)) lines.push(`| ${code} | ${text} |`);
  return `${lines.join('\n')}\n`;
}

/** The table of an option, and its key there. */
function placeOf(key: string): { readonly name: string; readonly rest: string } {
  const at = key.lastIndexOf('.');
  return { name: key.slice(0, at), rest: key.slice(at + 1) };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A text as a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
