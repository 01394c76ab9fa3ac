import type { Command } from 'commander';

import { exitCodeMeanings, exitCodes } from './cli-error.ts';
import { isHidden } from './complete.ts';
import type { Io } from './io.ts';
import { globalOptions, optionNames } from './options.ts';
import { programFor } from './program.ts';
import { topics } from './topics.ts';

/** Nothing is done with the verbs here but to read what they say of themselves. */
const nowhere = { write: () => true };

const io: Io = {
  stdout: nowhere,
  stderr: nowhere,
  stdin: (async function* nothing() {})(),
  env: {},
  now: () => new Date(0),
  interrupted: new AbortController().signal,
};

/** docs/cli.md. */
export function cliPage(): string {
  const program = programFor({ io, at: null, exitCode: exitCodes.ok, color: 'auto' });
  const verbs = leavesOf(program);
  return `${[
    '# The command line',
    '',
    '<!-- Made from apps/cli/src by `npm run docs`. Changes here are overwritten. -->',
    '',
    'Data goes to standard output and nothing else does; what is said to a person goes to standard error. Secrets are masked unless `--reveal` is',
    'given. `-o json` and `-o yaml` write the whole answer for programs, `-o dotenv` and `-o shell` the variables.',
    '',
    '| verb | what it does |',
    '| --- | --- |',
    ...verbs.map((verb) => `| [\`${pathOf(verb)}\`](#${pathOf(verb).replaceAll(' ', '-')}) | ${cellText(verb.description())} |`),
    '',
    '## Options of every verb',
    '',
    'A flag goes before its environment variable, that before the context in use, and that before the default.',
    '`env-cli context show` tells what holds and where it comes from.',
    '',
    '| option | variable | in a context | default | |',
    '| --- | --- | --- | --- | --- |',
    ...optionNames.map((name) => {
      const { flags, variable, inContext, default: byDefault, text } = globalOptions[name];
      return `| \`${flags}\` | \`${variable}\` | ${inContext ? `\`${name}\`` : ''} | ${code(byDefault)} | ${cellText(text)} |`;
    }),
    '',
    '`NO_COLOR`, set to anything, turns colours off unless `--color` or `ENV_CLI_COLOR` asks for them. The pager is `ENV_CLI_PAGER`, else that of the',
    'context, else `PAGER`, else `less`; set to nothing, there is none. Contexts are kept in `env-cli/contexts.json` below `$XDG_CONFIG_HOME` (or',
    '`~/.config`), which its owner alone may write.',
    '',
    '## Values from files and from standard input',
    '',
    '```',
    topics['values']!.text().trimEnd(),
    '```',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '| --- | --- |',
    ...(Object.keys(exitCodes) as (keyof typeof exitCodes)[]).map((name) => `| ${exitCodes[name]} | ${exitCodeMeanings[name]} |`),
    '',
    '`env-cli run` ends with the exit code of its command: 127 when there is no such command, 126 when it cannot be started, and 128 and the',
    "signal's number when a signal ended it.",
    '',
    '## Completion',
    '',
    '```sh',
    'source <(env-cli completion bash)      # in ~/.bashrc',
    'source <(env-cli completion zsh)       # in ~/.zshrc, behind compinit',
    'env-cli completion fish | source       # in ~/.config/fish/config.fish',
    '```',
    '',
    '# Verbs',
    ...verbs.flatMap(verbPart),
  ].join('\n')}\n`;
}

/** Verbs that do something, in the order of the help. */
function leavesOf(command: Command): readonly Command[] {
  return (
    command.commands
      .filter((each) => !isHidden(each))
      // A verb that takes an argument does something itself, also when it has verbs below it.
      .flatMap((each) => [
        ...(each.commands.length === 0 || each.registeredArguments.length > 0 ? [each] : []),
        ...leavesOf(each),
      ])
  );
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

function verbPart(verb: Command): readonly string[] {
  const options = verb.options.filter(({ hidden }) => !hidden);
  return [
    '',
    `## ${pathOf(verb)}`,
    '',
    `${verb.description()}.`,
    '',
    '```',
    `env-cli ${pathOf(verb)} ${verb.usage()}`,
    '```',
    ...(options.length === 0 ? [] : ['', '| option | |', '| --- | --- |']),
    ...options.map(({ flags, description, argChoices, defaultValue }) => {
      const choices = argChoices === undefined ? '' : `: ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`;
      const byDefault = defaultValue === undefined ? '' : `; default ${code(String(defaultValue))}`;
      return `| \`${flags.replaceAll('|', '\\|')}\` | ${cellText(description)}${choices}${byDefault} |`;
    }),
    '',
    '```',
    endOf(verb),
    '```',
  ];
}

/** What stands behind the options in the help of a verb: its examples and notes. */
function endOf(verb: Command): string {
  let text = '';
  verb.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp();
  return text.slice(text.indexOf('\nExamples:\n') + 1).trimEnd();
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function cellText(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
