import { Option, type Command } from 'commander';

import {
  does,
  examples,
  label,
  names,
  outputOption,
  positive,
  readingOptions,
  revealOption,
  revision,
  writingOptions,
  type Frame,
} from './verb.ts';
import type { ImportFlags, SetFlags, WriteFlags } from './verbs/write.ts';
import type { WatchFlags } from './verbs/watch.ts';

const typeNames = ['string', 'number', 'boolean', 'json', 'url', 'duration', 'bytes'];

/** Registers the verbs that are about environments. */
export function addEnvironmentVerbs(program: Command, frame: Frame): void {
  addReads(program, frame);
  addWrites(program, frame);
  addFiles(program, frame);
}

function addReads(program: Command, frame: Frame): void {
  const get = program
    .command('get <environment> [names...]')
    .description('Show the variables of an environment, or the value of one');
  outputOption(revealOption(readingOptions(get)), 'table', 'json', 'dotenv', 'shell');
  examples(get, [
    'env-cli get payments/prod',
    'env-cli get payments/prod DB_URL            # the bare value',
    'env-cli get payments/prod --reveal -o json',
    'env-cli get payments/prod --revision 12',
  ]);
  does(get, frame, async (at, { one, many }) => {
    return await (await import('./verbs/get.ts')).get(at, one(0), many(1));
  });

  const list = program.command('list [prefix]').description('List environments');
  outputOption(readingOptions(list), 'table', 'json')
    .option('-l, --selector <labels>', "only those whose labels match: 'team=payments,tier!=test,region in (eu,us)'")
    .option('--names', 'names alone');
  examples(list, [
    'env-cli list',
    'env-cli list payments/',
    "env-cli list -l 'team=payments,!legacy'",
    'env-cli list --names | wc -l',
  ]);
  does<{ selector?: string; names?: boolean }>(list, frame, async (at, { maybe }, flags) => {
    await (await import('./verbs/list.ts')).list(at, maybe(0) ?? '', flags);
  });

  const history = program.command('history <environment>').description('Show what changed an environment, newest first');
  outputOption(revealOption(readingOptions(history)), 'table', 'json').option(
    '--limit <number>',
    'changes at most',
    positive,
    50,
  );
  examples(history, ['env-cli history payments/prod', 'env-cli history payments/prod --limit 5 -o json']);
  does<{ limit: number }>(history, frame, async (at, { one }, flags) => {
    await (await import('./verbs/history.ts')).history(at, one(0), flags);
  });

  const diff = program
    .command('diff <environment> <others...>')
    .description('Compare revisions of an environment, or two environments')
    .usage('[options] <environment> <revision> [revision] | <environment[@revision]> <environment[@revision]>');
  outputOption(revealOption(readingOptions(diff, { atRevision: false })), 'table', 'json');
  examples(diff, [
    'env-cli diff payments/prod 12               # revision 12 with the newest',
    'env-cli diff payments/prod 12 14',
    'env-cli diff payments/staging payments/prod',
    'env-cli diff payments/staging@9 payments/prod@14',
  ]);
  does(diff, frame, async (at, { one, many }) => {
    await (await import('./verbs/diff.ts')).diff(at, one(0), many(1));
  });

  const watch = program
    .command('watch [environment]')
    .description('Follow changes as they happen; without a name, of all environments');
  outputOption(revealOption(watch), 'table', 'json')
    .option('--prefix <prefix>', 'environments whose name begins with this')
    .option('-l, --selector <labels>', 'only those whose labels match, before or after a change')
    .option('--from-revision <number>', 'begin with this revision instead of now', revision);
  examples(watch, [
    'env-cli watch payments/prod',
    'env-cli watch --prefix payments/ -o json    # a line of JSON a change',
    'env-cli watch --from-revision 1',
  ]);
  does<WatchFlags>(watch, frame, async (at, { maybe }, flags) => {
    await (await import('./verbs/watch.ts')).watch(at, maybe(0), flags);
  });
}

function addWrites(program: Command, frame: Frame): void {
  const values = 'A value NAME=@file comes from a file, NAME=- from standard input, each without the line break at its end.';

  const set = program.command('set <environment> <assignments...>').description('Set variables and leave the others');
  outputOption(writingOptions(valueOptions(set)), 'table', 'json').option('--create', 'create the environment if there is none');
  examples(
    set,
    [
      'env-cli set payments/prod DB_URL=postgres://db/payments --create',
      'env-cli set payments/prod --secret API_KEY=@key.txt',
      'pass show token | env-cli set payments/prod --secret TOKEN=-',
      'env-cli set payments/prod RETRIES=3 --if-revision 12',
    ],
    values,
  );
  does<SetFlags>(set, frame, async (at, { one, many }, flags) => {
    await (await import('./verbs/write.ts')).set(at, one(0), many(1), flags);
  });

  const unset = program.command('unset <environment> <names...>').description('Remove variables');
  outputOption(writingOptions(unset), 'table', 'json');
  examples(unset, ['env-cli unset payments/prod OLD_URL OLD_KEY']);
  does<WriteFlags>(unset, frame, async (at, { one, many }, flags) => {
    await (await import('./verbs/write.ts')).unset(at, one(0), many(1), flags);
  });

  const create = program.command('create <environment> [assignments...]').description('Create an environment');
  outputOption(valueOptions(create), 'table', 'json')
    .option('--label <key=value>', 'a label; may be given several times', label)
    .option('--description <text>', 'a note for people')
    .option('--reason <text>', 'why, for the history');
  examples(
    create,
    ['env-cli create payments/prod --label team=payments --label tier=prod', 'env-cli create payments/dev DEBUG=1'],
    values,
  );
  does<SetFlags & { label?: Record<string, string>; description?: string }>(create, frame, async (at, { one, many }, flags) => {
    await (await import('./verbs/write.ts')).create(at, one(0), many(1), flags);
  });

  const remove = program.command('delete <environment>').description('Delete an environment; its history stays');
  outputOption(writingOptions(remove), 'table', 'json');
  examples(remove, ['env-cli delete payments/old', 'env-cli delete payments/old --if-revision 12']);
  does<WriteFlags>(remove, frame, async (at, { one }, flags) => {
    await (await import('./verbs/write.ts')).remove(at, one(0), flags);
  });
}

function valueOptions(command: Command): Command {
  return command
    .option('--secret', 'mark the variables as secrets')
    .option('--no-secret', 'mark them as no secrets any more')
    .addOption(new Option('--type <type>', 'what the values must look like').choices(typeNames))
    .option('--comment <text>', 'a note on the variables')
    .option('--literal', 'take @ and - as values');
}

function addFiles(program: Command, frame: Frame): void {
  const importVerb = program
    .command('import <file> <environment>')
    .description('Set variables from a dotenv or JSON file: all of them or none');
  outputOption(writingOptions(importVerb), 'table', 'json')
    .option('--create', 'create the environment if there is none')
    .option('--replace', 'remove the variables that the file does not name')
    .option('--secret', 'mark all of them as secrets')
    .option('--secret-names <names>', 'mark these as secrets: A,B,C', names)
    .addOption(new Option('--format <format>', 'format of the file; by its ending unless given').choices(['dotenv', 'json']));
  examples(
    importVerb,
    [
      'env-cli import .env payments/dev --create',
      'env-cli import prod.json payments/prod --secret-names API_KEY,DB_PASSWORD',
      'env-cli import - payments/dev < .env',
    ],
    `A dotenv file has lines NAME=value. Quotes: "…" knows \\n \\r \\t \\\\ \\" \\$, '…' takes all as it is; both may go over lines.
Nothing is expanded. An error in any line names it, and nothing is written.`,
  );
  does<ImportFlags>(importVerb, frame, async (at, { one }, flags) => {
    await (await import('./verbs/write.ts')).importFile(at, one(0), one(1), flags);
  });

  const exportVerb = program.command('export <environment>').description('Write the variables out, for a file or for eval');
  outputOption(revealOption(readingOptions(exportVerb)), 'dotenv', 'json', 'shell');
  examples(exportVerb, [
    'env-cli export payments/dev > .env',
    'env-cli export payments/dev --reveal -o json',
    'eval "$(env-cli export payments/dev --reveal -o shell)"',
  ]);
  does(exportVerb, frame, async (at, { one }) => {
    await (await import('./verbs/export.ts')).exportEnvironment(at, one(0));
  });

  const run = program
    .command('run <environment> <command...>')
    .usage('[options] <environment> -- <command> [arguments...]')
    .description('Run a command with the variables of an environment in its own');
  readingOptions(run);
  examples(
    run,
    ['env-cli run payments/dev -- node server.js', 'env-cli run payments/prod --revision 12 -- ./migrate --dry-run'],
    `Secrets are given to the command. Its standard streams, its signals and its exit code are passed through.
127: there is no such command; 126: it cannot be started.`,
  );
  does(run, frame, async (at, { one, many }) => {
    return await (await import('./verbs/run.ts')).run(at, one(0), many(1));
  });
}
