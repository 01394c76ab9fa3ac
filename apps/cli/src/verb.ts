import { InvalidArgumentError, Option, type Command } from 'commander';

import type { Invocation } from './invocation.ts';
import type { Io } from './io.ts';
import type { Pager } from './pager.ts';
import { durationMs } from './duration.ts';
import { globalOptions, optionNames, type Color } from './options.ts';
import { readSettings, revisionNumber, revisionRange, wholeNumber, type Flags } from './settings.ts';
import { styleFor } from './style.ts';

/** What the verbs of one call share. */
export interface Frame {
  readonly io: Io;
  /** The call, once the arguments were read. */
  at: Invocation | null;
  exitCode: number;
  /** As far as it is known. */
  color: Color;
}

/** What follows the verb on the command line. */
export interface Operands {
  readonly one: (index: number) => string;
  readonly many: (index: number) => readonly string[];
  readonly maybe: (index: number) => string | undefined;
}

/** Adds the options of every verb. */
export function addGlobalOptions(program: Command): void {
  for (const name of optionNames) {
    const { flags, text, default: byDefault } = globalOptions[name];
    program.option(flags, name === 'pager' ? text : `${text} (default: ${byDefault})`);
  }
}

/**
 * Gives a command what it does. `work` loads the module of the verb by itself, so that no call waits for what it does not use;
 * a number that it answers is the exit code. `paged`: its output goes through the pager when it is long.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what commander has read is known to whoever declared the options alone
export function does<F extends object>(
  command: Command,
  frame: Frame,
  work: (at: Invocation, operands: Operands, flags: F) => Promise<number | void>,
  { paged = false } = {},
): void {
  command.action(async (...given: unknown[]) => {
    const operands = given.slice(0, -2);
    const flags = command.optsWithGlobals<Flags & F>();
    const settings = readSettings(flags, frame.io.env);
    frame.color = settings.color;
    const output = flags.output ?? 'table';
    const pager = paged && settings.pager !== null ? await pagerFor(frame.io, settings.pager) : null;
    const io = pager?.io ?? frame.io;
    const at: Invocation = { io, settings, style: styleFor(io.stdout, io, settings.color), output, about: {} };
    frame.at = at;
    try {
      frame.exitCode =
        (await work(
          at,
          {
            one: (index) => operands[index] as string,
            many: (index) => (operands[index] ?? []) as readonly string[],
            maybe: (index) => operands[index] as string | undefined,
          },
          flags,
        )) ?? 0;
    } finally {
      await pager?.end();
    }
  });
}

/** Only a terminal is paged for, and only for one is the pager loaded. */
async function pagerFor(io: Io, command: string): Promise<Pager | null> {
  return io.stdout.isTTY === true ? (await import('./pager.ts')).Pager.for(io, command) : null;
}

/** Shows how a verb is used, at the end of its help. */
export function examples(command: Command, lines: readonly string[], notes = ''): Command {
  const text = lines.map((line) => `  $ ${line}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}${notes === '' ? '' : `\n\n${notes}`}`);
}

/** The options of a verb that reads. */
export function readingOptions(command: Command, { atRevision = true } = {}): Command {
  command
    .addOption(
      new Option('--consistency <level>', 'how fresh').choices(['strong', 'read-your-writes', 'eventual']).default('strong'),
    )
    .option('--max-lag <duration>', 'with eventual: the greatest staleness, such as 500ms', duration)
    .option('--token <token>', 'see at least what the answer saw that this token came with');
  if (atRevision) command.option('--revision <number>', 'exactly the state at this revision', revision);
  return command;
}

/** The options of a verb that writes one environment. */
export function writingOptions(command: Command): Command {
  return command
    .option('--if-revision <number>', 'only if this revision changed the environment last', lastRevision)
    .option('--reason <text>', 'why, for the history');
}

/** The form of the output. The first is the default; where there is JSON there is YAML. */
export function outputOption(command: Command, first = 'table', ...others: readonly string[]): Command {
  const forms = [first, 'json', 'yaml', ...others];
  return command.addOption(new Option('-o, --output <form>', 'form of the output').choices(forms).default(first));
}

export function revealOption(command: Command): Command {
  return command.option('--reveal', 'show secrets');
}

/** An argument that is a number of days, up to ten years. */
export function givenDays(text: string): number {
  const value = wholeNumber(text);
  if (value === null || value < 1 || value > 3650) throw new InvalidArgumentError('Write a number of days from 1 to 3650.');
  return value;
}

/** An argument that is a duration: milliseconds. */
export function duration(text: string): number {
  const value = durationMs(text);
  if (value === null || value <= 0) throw new InvalidArgumentError('Write a number with its unit: 500ms, 1.5s, 2m, 1h.');
  return value;
}

/**
 * An argument that is a revision. Zero is none: the API takes it for the newest, and whoever has computed it would read, compare
 * or wait for something else than they meant.
 */
export function revision(text: string): number {
  const value = revisionNumber(text);
  if (value === null) throw new InvalidArgumentError(`${revisionRange} Leave it out for the newest.`);
  return value;
}

/** A revision that must be given: the newest is no default for it. */
export function givenRevision(text: string): number {
  const value = revisionNumber(text);
  if (value === null) throw new InvalidArgumentError(revisionRange);
  return value;
}

/** The revision that must have changed an environment last. */
export function lastRevision(text: string): number {
  const value = wholeNumber(text);
  if (value === null) throw new InvalidArgumentError('It is a whole number; 0 means that there is no such environment.');
  return value;
}

/** An argument that is a number of 1 or more. */
export function positive(text: string): number {
  const value = wholeNumber(text);
  if (value === null || value === 0) throw new InvalidArgumentError('It is a whole number of 1 or more.');
  return value;
}

/** An argument that is a percentage. */
export function percent(text: string): number {
  const value = wholeNumber(text.replace(/%$/, ''));
  if (value === null || value > 100) throw new InvalidArgumentError('It is a whole number of 0 to 100.');
  return value;
}

/** The number of a member. */
export function givenMember(text: string): number {
  const value = wholeNumber(text);
  if (value === null || value < 1 || value > 0xffff_ffff) throw new InvalidArgumentError('A member has a number, from 1 on.');
  return value;
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A size in bytes: `8589934592`, `8GiB`. */
export function givenSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15})([KMG]iB|B)?$/.exec(text) ?? [];
  const bytes = Number(digits) * sizeUnits[unit]!;
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('It is a size such as 512MiB or 8GiB.');
  return bytes;
}

/** `key=value`, collected over several options. */
export function label(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Write a label as key=value.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Names separated by commas. */
export function names(text: string): readonly string[] {
  return text.split(',').filter((name) => name !== '');
}
