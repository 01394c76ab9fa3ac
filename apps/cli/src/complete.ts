import type { Command, Option } from 'commander';

/** What may stand where the cursor is. */
export type Completion =
  /** Nothing that is known here: files, as the shell completes them. */
  { readonly kind: 'files' } | { readonly kind: 'words'; readonly words: readonly Word[] };

export interface Word {
  readonly text: string;
  /** What it is, for a shell that shows it. */
  readonly note: string;
}

/** Where names come from. Each answers those that begin with a text, or none when it cannot tell in time. */
export interface NameSource {
  readonly environments: (prefix: string) => Promise<readonly string[]>;
  readonly variables: (environment: string) => Promise<readonly string[]>;
  readonly mirrors: () => Promise<readonly string[]>;
  readonly contexts: () => readonly string[];
}

/** How far the words before the cursor have led. */
interface Place {
  readonly command: Command;
  readonly operands: readonly string[];
  /** The option whose value is to come; null: none. */
  readonly option: Option | null;
  /** `--` has been written. */
  readonly onlyOperands: boolean;
}

/** What may stand in the place of the last word. `words`: those of the command line behind the program's name. */
export async function completionOf(program: Command, words: readonly string[], names: NameSource): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const place = placeOf(program, words.slice(0, -1));
  const equals = /^(?<flag>--[\w-]+)=(?<value>.*)$/.exec(current)?.groups;
  const { command, onlyOperands } = place;
  if (place.option !== null) return await ofOption(place.option, current, '', names);
  if (!onlyOperands && equals !== undefined) {
    const option = optionOf(command, equals['flag']!);
    return option === null ? none : await ofOption(option, equals['value']!, `${equals['flag']}=`, names);
  }
  if (!onlyOperands && current.startsWith('-')) return matching(flagsOf(command), current);
  if (command.commands.length > 0) {
    const verbs = command.commands.filter((each) => !isHidden(each));
    return matching(
      verbs.map((each) => ({ text: each.name(), note: each.description() })),
      current,
    );
  }
  return await ofOperand(place, current, names);
}

const none: Completion = { kind: 'words', words: [] };

/** Whether a command is left out of help and completion. */
export function isHidden(command: Command): boolean {
  return command.name().startsWith('__');
}

/** The options of the global flags and of the words before the cursor, so that names come from the cluster that is meant. */
export function optionValue(words: readonly string[], flags: readonly string[]): string | undefined {
  for (const [i, word] of words.entries()) {
    if (word === '--') return undefined;
    if (flags.includes(word)) return words[i + 1];
    const long = flags.find((flag) => flag.startsWith('--') && word.startsWith(`${flag}=`));
    if (long !== undefined) return word.slice(long.length + 1);
  }
  return undefined;
}

function placeOf(program: Command, before: readonly string[]): Place {
  let command = program;
  let option: Option | null = null;
  let onlyOperands = false;
  const operands: string[] = [];
  for (const word of before) {
    if (option !== null) {
      option = null;
    } else if (onlyOperands) {
      operands.push(word);
    } else if (word === '--') {
      onlyOperands = true;
    } else if (word.startsWith('-') && word !== '-') {
      const found = word.includes('=') ? null : optionOf(command, word);
      option = found !== null && (found.required || found.optional) ? found : null;
    } else {
      const next = command.commands.find((each) => each.name() === word);
      if (next === undefined) operands.push(word);
      else command = next;
    }
  }
  return { command, operands, option, onlyOperands };
}

function optionsOf(command: Command): readonly Option[] {
  const own = command.options.filter(({ hidden }) => !hidden);
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)];
}

function optionOf(command: Command, flag: string): Option | null {
  return optionsOf(command).find(({ short, long }) => flag === short || flag === long) ?? null;
}

function flagsOf(command: Command): readonly Word[] {
  const flags = optionsOf(command).map(({ long, description }) => ({ text: long ?? '', note: description }));
  return [...flags, { text: '--help', note: 'show how it is used' }];
}

function matching(words: readonly Word[], current: string): Completion {
  return { kind: 'words', words: words.filter(({ text }) => text.startsWith(current)) };
}

function matchingNames(names: readonly string[], current: string, note = ''): Completion {
  return matching(
    names.map((text) => ({ text, note })),
    current,
  );
}

async function ofOption(option: Option, current: string, before: string, names: NameSource): Promise<Completion> {
  const answered = await valuesOf(option, current, names);
  if (answered.kind === 'files' || before === '') return answered;
  return { kind: 'words', words: answered.words.map(({ text, note }) => ({ text: before + text, note })) };
}

async function valuesOf({ argChoices, long }: Option, current: string, names: NameSource): Promise<Completion> {
  if (argChoices !== undefined) return matchingNames(argChoices, current);
  switch (long) {
    case '--context':
      return matchingNames(names.contexts(), current);
    case '--color':
      return matchingNames(['auto', 'always', 'never'], current);
    case '--on-change':
      return matchingNames(['restart', 'signal=HUP', 'signal=USR1', 'signal=USR2'], current);
    case '--file':
      return { kind: 'files' };
    case '--prefix':
      return matchingNames(await names.environments(current), current);
    case undefined:
    default:
      return none;
  }
}

async function ofOperand({ command, operands, onlyOperands }: Place, current: string, names: NameSource): Promise<Completion> {
  const declared = command.registeredArguments;
  const argument = declared[Math.min(operands.length, declared.length - 1)];
  if (argument === undefined || (operands.length >= declared.length && !argument.variadic)) return none;
  const name = argument.name();
  const group = command.parent?.name();
  if (onlyOperands && name === 'command') return { kind: 'files' };
  if (group === 'mirror' && (name === 'name' || name === 'names')) {
    return command.name() === 'create' ? none : matchingNames(await names.mirrors(), current, 'mirror');
  }
  if (group === 'context' && name === 'name') return matchingNames(names.contexts(), current, 'context');
  switch (name) {
    case 'environment':
    case 'prefix':
    case 'others':
      return matchingNames(await names.environments(current), current, 'environment');
    case 'names':
      return matchingNames(await names.variables(operands[0] ?? ''), current, 'variable');
    case 'assignments': {
      if (current.includes('=')) return none;
      const known = (await names.variables(operands[0] ?? '')).map((each) => `${each}=`);
      return matchingNames(known, current, 'variable');
    }
    case 'file':
      return { kind: 'files' };
    case 'shell':
    case 'topic':
      return matchingNames(argument.argChoices ?? [], current);
    default:
      return none;
  }
}
