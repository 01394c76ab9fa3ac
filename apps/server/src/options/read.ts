import { nearest } from './nearest.ts';
import { notBuilt, notBuiltFor } from './not-built.ts';
import { StartRefused } from './refusal.ts';
import { optionKeys, type OptionKey, optionOf, optionTable, type OptionValues, variableOf } from './table.ts';
import { readToml, type TomlFile } from './toml.ts';

/** Everything that says how a member is to run. */
export interface OptionSources {
  /** Arguments behind the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as text; throws what the file system says. */
  readFile(path: string): string;
}

/** What a command line asks for. */
export interface Options {
  readonly action: 'run' | 'help' | 'version' | 'print-config' | 'check-config';
  readonly values: OptionValues;
  /** Where each value came from: `flag --listen`, `variable ENV_CLI_SERVER_LISTEN`, `member.toml, line 3`, `default`. */
  readonly origins: Readonly<Record<OptionKey, string>>;
}

/** Flags over variables over the file over the defaults. Refuses, as {@link StartRefused}, whatever it does not understand. */
export function readOptions(sources: OptionSources): Options {
  const flags = readFlags(sources.args);
  const values = Object.fromEntries(optionKeys.map((key) => [key, optionOf(key).default])) as Record<OptionKey, unknown>;
  const origins = Object.fromEntries(optionKeys.map((key) => [key, 'default'])) as Record<OptionKey, string>;
  const set = (key: OptionKey, written: unknown, origin: string): void => {
    const parsed = optionOf(key).kind.schema.safeParse(written);
    if (!parsed.success)
      throw new StartRefused('options', `${origin}: ${key} must be ${optionOf(key).kind.allowed}${quoted(written)}`);
    values[key] = parsed.data;
    origins[key] = origin;
  };

  const file = flags.config ?? sources.env['ENV_CLI_CONFIG'];
  if (file !== undefined) readFileInto(openFile(file, sources), set);
  readVariablesInto(sources.env, set);
  for (const [key, written] of flags.values) set(key, written, `flag --${optionOf(key).flag}`);
  refuseHalves(values as OptionValues);
  return { action: flags.action, values: values as OptionValues, origins };
}

/** Options that say nothing one without the other. */
function refuseHalves(values: OptionValues): void {
  const [id, secret] = ['cloud.providers.aws.access_key_id_env', 'cloud.providers.aws.secret_access_key_env'] as const;
  if ((values[id] === '') === (values[secret] === '')) return;
  const [given, missing] = values[id] === '' ? [secret, id] : [id, secret];
  throw new StartRefused('options', `${missing} must be given together with ${given}. Name both variables, or neither`);
}

/** Options hold no secrets, but somebody may paste one into the wrong line: a long text is not repeated. */
function quoted(written: unknown): string {
  const text = JSON.stringify(written);
  return text !== undefined && text.length <= 64 ? `, not ${text}` : '';
}

function openFile(path: string, sources: OptionSources): TomlFile {
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StartRefused(
      'options',
      `the configuration file ${path} cannot be read (${code}). Check the path that --config or ENV_CLI_CONFIG names`,
    );
  }
  return readToml(path, text);
}

function readFileInto(file: TomlFile, set: (key: OptionKey, written: unknown, origin: string) => void): void {
  for (const [key, written] of file.values) {
    if (key in optionTable) {
      set(key as OptionKey, written, `${file.name}, line ${file.lineOf(key)}`);
      continue;
    }
    const future = notBuiltFor(key);
    if (future !== undefined) {
      if ('harmless' in future && future.harmless === written) continue;
      throw new StartRefused(
        'options',
        `${file.name}, line ${file.lineOf(key)}: ${key}: ${future.feature} is not built yet. Remove this line`,
      );
    }
    throw new StartRefused(
      'options',
      `${file.name}, line ${file.lineOf(key)}: there is no option ${key}${hint(key, [...optionKeys, ...Object.keys(notBuilt)])}. docs/configuration.md lists them all`,
    );
  }
}

function hint(written: string, known: readonly string[]): string {
  const close = nearest(written, known) ?? known.find((word) => word.split('.').at(-1) === written.split('.').at(-1));
  return close === undefined ? '' : `; did you mean ${close}?`;
}

/** Our tables as prefixes of variables. Others (ENV_CLI_ADDRESS, …) belong to the command line client and are none of ours. */
const ownPrefixes = [
  ...new Set([...optionKeys, ...Object.keys(notBuilt)].map((key) => `ENV_CLI_${key.split('.')[0]!.toUpperCase()}_`)),
];

function readVariablesInto(env: OptionSources['env'], set: (key: OptionKey, written: unknown, origin: string) => void): void {
  const byVariable = new Map(optionKeys.map((key) => [variableOf(key), key]));
  for (const [name, written] of Object.entries(env)) {
    if (written === undefined || !ownPrefixes.some((prefix) => name.startsWith(prefix))) continue;
    const key = byVariable.get(name);
    if (key !== undefined) {
      set(key, written, `variable ${name}`);
      continue;
    }
    const future = Object.entries(notBuilt).find(([unbuilt]) =>
      name.startsWith(`ENV_CLI_${unbuilt.replaceAll('.', '_').toUpperCase()}`),
    );
    if (future !== undefined)
      throw new StartRefused('options', `variable ${name}: ${future[1].feature} is not built yet. Unset it`);
    throw new StartRefused(
      'options',
      `variable ${name}: there is no such option${hint(name, [...byVariable.keys()])}. Unset it, or see env-cli-server --help`,
    );
  }
}

interface Flags {
  action: Options['action'];
  config: string | undefined;
  readonly values: Map<OptionKey, string>;
}

function readFlags(args: readonly string[]): Flags {
  const byFlag = new Map(optionKeys.map((key) => [optionOf(key).flag, key]));
  const flags: Flags = { action: 'run', config: undefined, values: new Map() };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (!arg.startsWith('--'))
      throw new StartRefused('options', `${JSON.stringify(arg)} is not a flag. See env-cli-server --help`);
    const [name = '', ...rest] = arg.slice(2).split('=');
    let written = rest.length > 0 ? rest.join('=') : undefined;
    if (name === 'help' || name === 'version' || name === 'print-config' || name === 'check-config') {
      flags.action = name;
      continue;
    }
    const key = byFlag.get(name);
    if (key === undefined && name !== 'config') {
      throw new StartRefused(
        'options',
        `there is no flag --${name}${hint(name, [...byFlag.keys(), 'config', 'print-config', 'check-config'])}. See env-cli-server --help`,
      );
    }
    const isSwitch = key !== undefined && typeof optionOf(key).default === 'boolean';
    if (written === undefined) {
      if (isSwitch) written = 'true';
      else written = args[++at];
    }
    if (written === undefined) throw new StartRefused('options', `flag --${name} lacks its value. See env-cli-server --help`);
    if (key === undefined) flags.config = written;
    else flags.values.set(key, written);
  }
  return flags;
}
