import { Argument, type Command } from 'commander';

import { isHidden } from './complete.ts';
import { shells, type Shell } from './completion-scripts.ts';
import { usageError } from './cli-error.ts';
import { print } from './io.ts';
import type { Flags } from './settings.ts';
import { topics } from './topics.ts';
import { does, examples, givenDays, outputOption, type Frame } from './verb.ts';
import type { CertsFlags } from './verbs/certs.ts';
import { softwareVersion } from './version.ts';

/** Registers the verbs that are about the program itself. */
export function addOwnVerbs(program: Command, frame: Frame): void {
  addContexts(program, frame);
  addCompletion(program, frame);
  addCerts(program, frame);

  const version = program.command('version').description('Show the version of this program');
  examples(outputOption(version), ['env-cli version']);
  does(version, frame, async (at) => {
    const { printedAsData } = await import('./structured.ts');
    const text = softwareVersion();
    if (!(await printedAsData(at, { version: text }))) await print(at.io, `env-cli ${text}\n`);
  });

  const help = program.command('help').description('Show the help of a verb, or of a topic');
  help.argument('[words...]', `a verb, or one of ${Object.keys(topics).join(', ')}`);
  examples(help, ['env-cli help', 'env-cli help mirror create', 'env-cli help exit-codes']);
  does(help, frame, async (at, { many }) => {
    await print(at.io, helpOf(program, many(0)));
  });
}

function helpOf(program: Command, words: readonly string[]): string {
  const topic = words.length === 1 ? topics[words[0]!] : undefined;
  if (topic !== undefined) return topic.text();
  let command = program;
  for (const word of words) {
    const found = command.commands.find((each) => each.name() === word && !isHidden(each));
    if (found === undefined) {
      const known = command === program ? [...Object.keys(topics), ...verbNames(command)] : verbNames(command);
      throw usageError(`there is no help of '${words.join(' ')}': ${known.join(', ')}`);
    }
    command = found;
  }
  let text = '';
  // What stands before and behind the help is written by it alone.
  command.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp();
  return text;
}

function verbNames(command: Command): readonly string[] {
  return command.commands.filter((each) => !isHidden(each)).map((each) => each.name());
}

function addContexts(program: Command, frame: Frame): void {
  const context = program.command('context').description('Keep the options of several clusters by name');

  const list = context.command('list').description('List the contexts');
  examples(outputOption(list), ['env-cli context list']);
  does(list, frame, async (at) => (await import('./verbs/context.ts')).list(at), { paged: true });

  const use = context.command('use <name>').description('Use a context from now on');
  examples(use, ['env-cli context use prod'], 'For one call: --context, or ENV_CLI_CONTEXT.');
  does(use, frame, async (at, { one }) => (await import('./verbs/context.ts')).use(at, one(0)));

  const set = context.command('set <name>').description('Make a context, or change options of one');
  examples(
    set,
    [
      'env-cli context set prod --endpoint a:7371,b:7371 --namespace shop',
      'env-cli context set prod --timeout 30s',
      'env-cli context set dev --endpoint localhost:7371 --color never --no-pager',
    ],
    `They are kept in env-cli/contexts.json below $XDG_CONFIG_HOME (or ~/.config), which only you can read.
The first context is in use at once.`,
  );
  does<Flags>(set, frame, async (at, { one }, flags) => (await import('./verbs/context.ts')).set(at, one(0), flags));

  const show = context.command('show').description('Show which options hold now, and where each comes from');
  examples(outputOption(show), ['env-cli context show', 'env-cli context show --context prod']);
  does(show, frame, async (at) => (await import('./verbs/context.ts')).show(at));

  const remove = context.command('delete <name>').description('Delete a context');
  examples(remove, ['env-cli context delete old']);
  does(remove, frame, async (at, { one }) => (await import('./verbs/context.ts')).remove(at, one(0)));
}

function addCerts(program: Command, frame: Frame): void {
  const certs = program.command('certs').description('Make certificates for a cluster of your own');
  const create = certs
    .command('create')
    .description('Make an authority, and the certificates of members and of a user; keys are of mode 0600');
  create
    .argument('[directory]', 'where they go', 'certs')
    .option('--members <numbers>', 'how many members, or their numbers separated by commas', '3')
    .option('--host <names...>', 'names and addresses by which clients find members', ['localhost', '127.0.0.1', '::1'])
    .option('--user <name>', 'who the client certificate is for: the history will say so', 'admin')
    .option('--days <number>', 'how long they are good', givenDays, 365)
    .option('--renew', 'new ones in the place of those that are there, of the same authority');
  examples(
    create,
    [
      'env-cli certs create',
      'env-cli certs create /etc/env-cli --host env.internal 10.0.0.7',
      'env-cli certs create certs --renew --user alice',
    ],
    'Members take new certificates without a restart. See docs/security.md.',
  );
  does<CertsFlags>(create, frame, async (at, { one }, flags) => (await import('./verbs/certs.ts')).create(at, one(0), flags));
}

function addCompletion(program: Command, frame: Frame): void {
  const completion = program.command('completion').description('Write the script by which a shell completes this program');
  completion.addArgument(new Argument('<shell>', 'which shell').choices(shells));
  examples(
    completion,
    ['source <(env-cli completion bash)', 'source <(env-cli completion zsh)', 'env-cli completion fish | source'],
    'Names of environments, variables and mirrors are asked of the cluster: for a second at most, or for as long as\nENV_CLI_COMPLETION_TIMEOUT says, such as 3s.',
  );
  does(completion, frame, async (at, { one }) => (await import('./verbs/completion.ts')).script(at, one(0) as Shell));

  const complete = program.command('__complete', { hidden: true }).argument('[words...]');
  does(complete, frame, async (at, { many }) => {
    await (await import('./verbs/completion.ts')).complete(at, program, many(0));
  });
}
