import { Option, type Command } from 'commander';

import {
  does,
  duration,
  examples,
  givenRevision,
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
import type { EditFlags } from './verbs/edit.ts';
import type { RollbackFlags } from './verbs/rollback.ts';
import type { RunFlags } from './verbs/run.ts';
import type { ImportFlags } from './verbs/import.ts';
import type { SetFlags, WriteFlags } from './verbs/write.ts';
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
  outputOption(revealOption(readingOptions(get)), 'table', 'dotenv', 'shell');
  examples(get, [
    'env-cli get payments/prod',
    'env-cli get payments/prod DB_URL            # the bare value',
    'env-cli get payments/prod --reveal -o json',
    'env-cli get payments/prod --revision 12',
  ]);
  does(
    get,
    frame,
    async (at, { one, many }) => {
      return await (await import('./verbs/get.ts')).get(at, one(0), many(1));
    },
    { paged: true },
  );

  const list = program.command('list [prefix]').description('List environments');
  outputOption(readingOptions(list))
    .option('-l, --selector <labels>', "only those whose labels match: 'team=payments,tier!=test,region in (eu,us)'")
    .option('--names', 'names alone');
  examples(list, [
    'env-cli list',
    'env-cli list payments/',
    "env-cli list -l 'team=payments,!legacy'",
    'env-cli list --names | wc -l',
  ]);
  does<{ selector?: string; names?: boolean }>(
    list,
    frame,
    async (at, { maybe }, flags) => {
      await (await import('./verbs/list.ts')).list(at, maybe(0) ?? '', flags);
    },
    { paged: true },
  );

  const history = program.command('history <environment>').description('Show what changed an environment, newest first');
  outputOption(revealOption(readingOptions(history))).option('--limit <number>', 'changes at most', positive, 50);
  examples(history, ['env-cli history payments/prod', 'env-cli history payments/prod --limit 5 -o json']);
  does<{ limit: number }>(
    history,
    frame,
    async (at, { one }, flags) => {
      await (await import('./verbs/history.ts')).history(at, one(0), flags);
    },
    { paged: true },
  );

  const diff = program
    .command('diff <environment> <others...>')
    .description('Compare revisions of an environment, or two environments')
    .usage('[options] <environment> <revision> [revision] | <environment[@revision]> <environment[@revision]>');
  outputOption(revealOption(readingOptions(diff, { atRevision: false })));
  examples(diff, [
    'env-cli diff payments/prod 12               # revision 12 with the newest',
    'env-cli diff payments/prod 12 14',
    'env-cli diff payments/staging payments/prod',
    'env-cli diff payments/staging@9 payments/prod@14',
  ]);
  does(
    diff,
    frame,
    async (at, { one, many }) => {
      await (await import('./verbs/diff.ts')).diff(at, one(0), many(1));
    },
    { paged: true },
  );

  const watch = program
    .command('watch [environment]')
    .description('Follow changes as they happen; without a name, of all environments');
  outputOption(revealOption(watch))
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
  const values =
    "NAME=@file takes the value from a file, NAME=- from standard input, NAME=@@x is the text @x: see 'env-cli help values'.";

  const set = program.command('set <environment> <assignments...>').description('Set variables and leave the others');
  outputOption(writingOptions(valueOptions(set)))
    .option('--create', 'create the environment if there is none')
    .addOption(
      new Option('--wait <for>', 'end only once all mirrors hold it, one cannot before somebody acts, or after 30 s').choices([
        'mirrored',
      ]),
    );
  examples(
    set,
    [
      'env-cli set payments/prod DB_URL=postgres://db/payments --create',
      'env-cli set payments/prod --secret API_KEY=@key.txt',
      'pass show token | env-cli set payments/prod --secret TOKEN=-',
      'env-cli set payments/prod RETRIES=3 --if-revision 12',
      'env-cli set payments/prod RETRIES=3 --wait mirrored',
    ],
    values,
  );
  does<SetFlags>(set, frame, async (at, { one, many }, flags) => {
    await (await import('./verbs/write.ts')).set(at, one(0), many(1), flags);
  });

  const unset = program.command('unset <environment> <names...>').description('Remove variables');
  outputOption(writingOptions(unset));
  examples(unset, ['env-cli unset payments/prod OLD_URL OLD_KEY']);
  does<WriteFlags>(unset, frame, async (at, { one, many }, flags) => {
    await (await import('./verbs/write.ts')).unset(at, one(0), many(1), flags);
  });

  const create = program.command('create <environment> [assignments...]').description('Create an environment');
  outputOption(valueOptions(create))
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

  const edit = program.command('edit <environment>').description('Change an environment in your editor');
  outputOption(revealOption(edit))
    .addOption(
      new Option('--format <format>', 'what is edited: variables, or all of it').choices(['dotenv', 'yaml']).default('dotenv'),
    )
    .option('--create', 'create the environment if there is none')
    .option('--reason <text>', 'why, for the history');
  examples(
    edit,
    [
      'env-cli edit payments/prod',
      'env-cli edit payments/prod --reveal --format yaml',
      "EDITOR='code --wait' env-cli edit payments/prod",
    ],
    `The editor is that of VISUAL, else of EDITOR, else vi. What you save is written if nobody else has changed the
environment meanwhile. A mistake opens the editor again, with the error in the first line. Secrets stay hidden and
as they are unless --reveal is given. The file is private while it is there, and gone afterwards.`,
  );
  does<EditFlags>(edit, frame, async (at, { one }, flags) => {
    await (await import('./verbs/edit.ts')).edit(at, one(0), flags);
  });

  const rollback = program
    .command('rollback')
    .argument('<environment>')
    .argument('<revision>', 'of which it is to be again what it was', givenRevision)
    .description('Make an environment again what it was at a revision, as a new revision');
  outputOption(revealOption(writingOptions(rollback))).option('--dry-run', 'show what that would change, and write nothing');
  examples(rollback, [
    'env-cli rollback payments/prod 12 --dry-run',
    "env-cli rollback payments/prod 12 --if-revision 14 --reason 'the new URL is wrong'",
  ]);
  does<RollbackFlags>(
    rollback,
    frame,
    async (at, { one }, flags) => {
      await (await import('./verbs/rollback.ts')).rollback(at, one(0), Number(one(1)), flags);
    },
    { paged: true },
  );

  const remove = program.command('delete <environment>').description('Delete an environment; its history stays');
  outputOption(writingOptions(remove));
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
    .description('Set variables from a dotenv, JSON or YAML file: all of them or none; from a folder, an environment a file');
  outputOption(writingOptions(importVerb))
    .option('--create', 'create the environment if there is none')
    .option('--replace', 'remove the variables that the file does not name')
    .option('--secret', 'mark all of them as secrets')
    .option('--secret-names <names>', 'mark these as secrets: A,B,C', names)
    .addOption(
      new Option('--format <format>', 'format of the file; by its ending unless given').choices(['dotenv', 'json', 'yaml']),
    );
  examples(
    importVerb,
    [
      'env-cli import .env payments/dev --create',
      'env-cli import prod.json payments/prod --secret-names API_KEY,DB_PASSWORD',
      'env-cli import - payments/dev < .env',
      'env-cli import ./envs payments/ --create      # ./envs/eu/prod.env becomes payments/eu/prod',
    ],
    `A dotenv file has lines NAME=value. Quotes: "…" knows \\n \\r \\t \\\\ \\" \\$, '…' takes all as it is; both may go over lines.
Nothing is expanded. An error in any line names it, and nothing is written.`,
  );
  does<ImportFlags>(importVerb, frame, async (at, { one }, flags) => {
    await (await import('./verbs/import.ts')).importFile(at, one(0), one(1), flags);
  });

  const exportVerb = program.command('export <environment>').description('Write the variables out, for a file or for eval');
  outputOption(revealOption(readingOptions(exportVerb)), 'dotenv', 'shell');
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
  readingOptions(run)
    .option('--watch', 'follow the environment while the command runs')
    .option('--on-change <what>', 'with --watch: restart, or signal=HUP (default: restart)')
    .option(
      '--grace <duration>',
      'with --watch: how long a command may take to end before it is killed (default: 10s)',
      duration,
    );
  examples(
    run,
    [
      'env-cli run payments/dev -- node server.js',
      'env-cli run payments/prod --revision 12 -- ./migrate --dry-run',
      'env-cli run payments/dev --watch -- node server.js',
      'env-cli run payments/dev --watch --on-change signal=HUP -- ./server',
    ],
    `Secrets are given to the command. Its standard streams, its signals and its exit code are passed through.
127: there is no such command; 126: it cannot be started. A signal tells a command that there is something new;
the variables of its process stay what they were.`,
  );
  does<RunFlags>(run, frame, async (at, { one, many }, flags) => {
    return await (await import('./verbs/run.ts')).run(at, one(0), many(1), flags);
  });
}
