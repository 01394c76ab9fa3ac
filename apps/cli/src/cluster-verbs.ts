import { InvalidArgumentError, Option, type Command } from 'commander';

import { alarm, type GivenAlarm } from './alarm-argument.ts';
import { addSnapshotVerb } from './backup-verbs.ts';
import { usageError } from './cli-error.ts';
import { durationMs } from './duration.ts';
import {
  does,
  examples,
  givenMember,
  givenRevision,
  givenSize,
  outputOption,
  percent,
  readingOptions,
  revision,
  type Frame,
} from './verb.ts';
import type { MirrorFlags } from './verbs/mirror.ts';

/** Registers the verbs that are about mirrors. */
export function addMirrorVerbs(program: Command, frame: Frame): void {
  const mirror = program.command('mirror').description('Keep targets equal to chosen environments');

  const create = mirror.command('create <name>').description('Define a mirror');
  awsOptions(
    outputOption(policyOptions(create))
      .option('--file <directory>', 'write files into this directory, on the machine of the member that leads')
      .addOption(new Option('--format <format>', 'form of the files').choices(['dotenv', 'json'])),
  );
  examples(create, [
    'env-cli mirror create files --file ./mirrored --prefix payments/',
    "env-cli mirror create eu --file /srv/env --format json -l 'region=eu'",
    'env-cli mirror create ssm --aws-ssm --region eu-west-1 --account 123456789012 --prefix payments/',
    'env-cli mirror create vault --aws-secrets-manager --role-arn arn:aws:iam::123456789012:role/env-cli --layout blob',
  ]);
  does<MirrorFlags>(create, frame, async (at, { one }, flags) => {
    await (await import('./verbs/mirror.ts')).create(at, one(0), flags);
  });

  const list = mirror.command('list').description('List the mirrors');
  outputOption(readingOptions(list, { atRevision: false }));
  examples(list, ['env-cli mirror list']);
  does(
    list,
    frame,
    async (at) => {
      await (await import('./verbs/mirror.ts')).list(at);
    },
    { paged: true },
  );

  const status = mirror.command('status <name>').description('Show what the target holds of each environment');
  examples(outputOption(status), ['env-cli mirror status files']);
  does(
    status,
    frame,
    async (at, { one }) => {
      await (await import('./verbs/mirror.ts')).status(at, one(0));
    },
    { paged: true },
  );

  const plan = mirror.command('plan <name> [environment]').description('Show what a delivery would do now, and write nothing');
  examples(outputOption(plan), ['env-cli mirror plan files', 'env-cli mirror plan files payments/prod']);
  does(
    plan,
    frame,
    async (at, { one, maybe }) => {
      await (await import('./verbs/mirror.ts')).plan(at, one(0), maybe(1));
    },
    { paged: true },
  );

  const update = mirror.command('update <name>').description('Change what a mirror carries, or its policy');
  examples(outputOption(policyOptions(update).addOption(writeInterval())), [
    'env-cli mirror update files --drift report',
    "env-cli mirror update files --prefix ''",
    'env-cli mirror update vault --write-interval 0s',
  ]);
  does<MirrorFlags>(update, frame, async (at, { one }, flags) => {
    await (await import('./verbs/mirror.ts')).update(at, one(0), flags);
  });

  const remove = mirror
    .command('delete <name>')
    .description('Delete a mirror; what it wrote is withdrawn or left, as its policy says');
  outputOption(remove).option('--abandon', 'forget it at once, and leave what it wrote: where its target is gone for good, say');
  examples(remove, ['env-cli mirror delete files', 'env-cli mirror delete files --abandon']);
  does<{ abandon?: boolean }>(remove, frame, async (at, { one }, { abandon = false }) => {
    await (await import('./verbs/mirror.ts')).remove(at, one(0), abandon);
  });

  const retry = mirror.command('retry <name> [environment]').description('Deliver again what failed for good');
  examples(outputOption(retry), ['env-cli mirror retry files', 'env-cli mirror retry files payments/prod']);
  does(retry, frame, async (at, { one, maybe }) => {
    await (await import('./verbs/mirror.ts')).retry(at, one(0), maybe(1));
  });

  const pause = mirror.command('pause <name>').description('Deliver nothing until it is resumed; what is due is kept');
  examples(outputOption(pause), ['env-cli mirror pause files']);
  does(pause, frame, async (at, { one }) => {
    await (await import('./verbs/mirror.ts')).pause(at, one(0));
  });

  const resume = mirror.command('resume <name>').description('Deliver again');
  examples(outputOption(resume), ['env-cli mirror resume files']);
  does(resume, frame, async (at, { one }) => {
    await (await import('./verbs/mirror.ts')).resume(at, one(0));
  });

  const wait = mirror
    .command('wait [names...]')
    .description('Wait until mirrors hold a revision; without names, all of them. Ends at once when one waits for somebody');
  outputOption(wait).option('--at-revision <number>', 'the revision; the newest unless given', revision);
  examples(wait, ['env-cli mirror wait', 'env-cli mirror wait files --at-revision 14 --timeout 1m']);
  does<{ atRevision?: number }>(wait, frame, async (at, { many }, flags) => {
    await (await import('./verbs/mirror.ts')).wait(at, many(0), flags);
  });
}

function awsOptions(command: Command): Command {
  return command
    .option('--aws-ssm', 'write parameters of AWS Systems Manager Parameter Store')
    .option('--aws-secrets-manager', 'write secrets of AWS Secrets Manager')
    .option('--account <digits>', 'AWS: the account; that of the role or of the configuration unless given')
    .option('--region <region>', 'AWS: the region; that of the configuration unless given')
    .option('--role-arn <arn>', 'AWS: assume this role')
    .option('--external-id <id>', 'AWS: what the trust policy of the role asks for')
    .option('--session-name <name>', "AWS: how the account's trail names the mirror")
    .option('--target-prefix <prefix>', 'AWS: before every name; that of the configuration unless given')
    .addOption(new Option('--layout <layout>', 'AWS: objects of an environment').choices(['per-variable', 'blob']))
    .option('--name-template <template>', 'AWS: names, such as {environment}/{variable:kebab}')
    .addOption(new Option('--empty-values <policy>', 'AWS: what is done about them').choices(['refuse', 'skip', 'replace']))
    .option('--empty-replacement <text>', 'AWS: what replaces an empty value')
    .addOption(
      new Option('--unfit-values <policy>', 'AWS: what is done about other values that are not taken').choices([
        'refuse',
        'skip',
      ]),
    )
    .option('--kms-key-id <key>', 'AWS: encrypt with this key')
    .addOption(new Option('--tier <tier>', 'AWS SSM: the tier').choices(['auto', 'standard', 'advanced']))
    .option('--encrypt-secrets-only', 'AWS SSM: what is no secret becomes a String')
    .option('--high-throughput', 'AWS SSM: the account has higher throughput switched on')
    .option('--recovery-days <days>', 'AWS Secrets Manager: for how long a deleted secret can be restored', days)
    .addOption(writeInterval());
}

function writeInterval(): Option {
  return new Option(
    '--write-interval <duration>',
    'AWS Secrets Manager: how often a secret is written in the long run; 0s: as often as it changes',
  ).argParser((text) => {
    const value = durationMs(text);
    if (value !== null && Number.isInteger(value) && value <= 86_400_000) return value;
    throw new InvalidArgumentError('Write a number with its unit: 0s, 90s, 10m, at most 24h.');
  });
}

function days(text: string): number {
  const value = Number(text);
  if (/^\d{1,2}$/.test(text) && value >= 7 && value <= 30) return value;
  throw new InvalidArgumentError('It is 7 to 30.');
}

function policyOptions(command: Command): Command {
  return command
    .option('--prefix <prefix>', 'only environments whose name begins with this')
    .option('-l, --selector <labels>', 'only environments whose labels match')
    .addOption(
      new Option('--withdrawal <policy>', 'what happens to the files of an environment that leaves').choices(['delete', 'leave']),
    )
    .addOption(
      new Option('--drift <policy>', 'what happens to what somebody else has changed').choices(['overwrite', 'report', 'import']),
    )
    .option('--delete-brake <percent>', 'the greatest share that one delivery may delete', percent);
}

/** Registers the verbs that are about the members of the cluster. */
export function addMemberVerbs(program: Command, frame: Frame): void {
  const member = program.command('member').description('See who the members are, and change that while the cluster runs');

  const list = member.command('list').description('List the members');
  examples(outputOption(list), ['env-cli member list']);
  does(
    list,
    frame,
    async (at) => {
      await (await import('./verbs/member.ts')).list(at);
    },
    { paged: true },
  );

  const add = member
    .command('add')
    .argument('<member>', 'its number: above every one that a member ever had', givenMember)
    .argument('<peer-address>', 'where the others find it, host:port; it waits there, started with --join')
    .argument('[more...]', 'further members, each with its number and its address: all are added at once, or none', givenInTurn)
    .description('Add a member, or several at once, which vote once they have caught up')
    .option('--learner', 'they stay learners until they are promoted: not needed for a quorum');
  examples(outputOption(add), [
    'env-cli-server --member-id 4 --join --members 1=10.0.0.1:7381,4=10.0.0.4:7381 …   # on the new machine, first',
    'env-cli member add 4 10.0.0.4:7381',
    'env-cli member add 4 10.0.0.4:7381 5 10.0.0.5:7381',
  ]);
  does<{ learner?: boolean }>(add, frame, async (at, { one, many }, { learner = false }) => {
    const { add: adds } = await import('./verbs/member.ts');
    const first = { memberId: Number(one(0)), peerAddress: one(1) };
    await adds(
      at,
      [first, ...membersOf(many(2))].map((each) => ({ ...each, learner })),
    );
  });

  const replace = member
    .command('replace')
    .argument('<member>', 'who goes: a voter, running or lost', givenMember)
    .argument('<new-member>', 'who comes: a number above every one that a member ever had', givenMember)
    .argument(
      '<peer-address>',
      "where the others find the new one, host:port, also the other's own; it waits there, started with --join",
    )
    .description('Put a new member in the place of another, in one step as soon as it has caught up');
  examples(outputOption(replace), [
    'env-cli-server --member-id 4 --join --members 1=10.0.0.1:7381,4=10.0.0.3:7381 …   # on the new machine, first',
    'env-cli member replace 3 4 10.0.0.3:7381',
  ]);
  does(replace, frame, async (at, { one }) => {
    const verbs = await import('./verbs/member.ts');
    await verbs.replace(at, { memberId: Number(one(0)), newMemberId: Number(one(1)), peerAddress: one(2) });
  });

  const promote = member
    .command('promote')
    .argument('<member>', 'the learner', givenMember)
    .description('Make a learner a voter');
  examples(outputOption(promote), ['env-cli member promote 4']);
  does(promote, frame, async (at, { one }) => {
    await (await import('./verbs/member.ts')).promote(at, Number(one(0)));
  });

  const remove = member
    .command('remove')
    .argument('<members...>', 'who goes: several go at once, or none of them', givenMemberAmong)
    .description('Remove a member, or several at once; a number is never given again')
    .option('--force <words>', "'lose the quorum': also where the others that answer are no majority of those that are left");
  examples(outputOption(remove), [
    'env-cli member remove 3',
    'env-cli member remove 1 2',
    "env-cli member remove 3 --force 'lose the quorum'",
  ]);
  does<{ force?: string }>(remove, frame, async (at, { many }, { force = '' }) => {
    await (await import('./verbs/member.ts')).remove(at, many(0).map(Number), force);
  });
}

/** One of several arguments that are numbers of members, after those before it. */
function givenMemberAmong(text: string, before: readonly number[] | undefined): number[] {
  return [...(before ?? []), givenMember(text)];
}

/** One of several arguments that are numbers of members and their addresses in turn, after those before it. */
function givenInTurn(text: string, before: readonly string[] | undefined): string[] {
  const given = before ?? [];
  return [...given, given.length % 2 === 0 ? String(givenMember(text)) : text];
}

function membersOf(words: readonly string[]): { readonly memberId: number; readonly peerAddress: string }[] {
  if (words.length % 2 === 1)
    throw usageError(`member ${words.at(-1)} is given without an address: write its number, then host:port`);
  return words.flatMap((word, at) => (at % 2 === 0 ? [{ memberId: Number(word), peerAddress: words[at + 1]! }] : []));
}

/** Registers the verbs that are about the cluster. */
export function addClusterVerbs(program: Command, frame: Frame): void {
  const cluster = program.command('cluster').description('See how the cluster is, and look after it');

  const status = cluster.command('status').description('Ask every member how it is');
  examples(outputOption(status), ['env-cli cluster status', 'env-cli cluster status -e 127.0.0.1:7372 -o json']);
  does(
    status,
    frame,
    async (at) => {
      await (await import('./verbs/cluster.ts')).status(at);
    },
    { paged: true },
  );

  addSnapshotVerb(cluster, frame);

  const transfer = cluster
    .command('transfer-leader')
    .argument('[member]', 'who is to lead; unless given the voter that has most of the log', givenMember)
    .description('Hand the lead over');
  examples(outputOption(transfer), ['env-cli cluster transfer-leader', 'env-cli cluster transfer-leader 2']);
  does(transfer, frame, async (at, { maybe }) => {
    const member = maybe(0);
    await (await import('./verbs/member.ts')).transfer(at, member === undefined ? null : Number(member));
  });

  const level = cluster
    .command('level')
    .description('Show the feature level and who is in the way of a higher one; raise it, or hold it');
  outputOption(level)
    .addOption(
      new Option('--raise', 'raise it now, for good: no member can go back to an earlier version').conflicts(['hold', 'release']),
    )
    .addOption(new Option('--hold', 'let it not rise by itself').conflicts('release'))
    .addOption(new Option('--release', 'let it rise by itself again'));
  examples(level, ['env-cli cluster level', 'env-cli cluster level --hold', 'env-cli cluster level --raise']);
  does<{ raise?: true; hold?: true; release?: true }>(level, frame, async (at, _words, { raise, hold, release }) => {
    const change = raise === true ? 'raise' : hold === true ? 'hold' : release === true ? 'release' : null;
    await (await import('./verbs/level.ts')).level(at, change);
  });

  const alarms = cluster.command('alarms').description('List what a person has to look at; clear what was seen to');
  outputOption(alarms).addOption(
    new Option('--clear <alarm...>', 'clear an alarm: its kind, and the member behind a colon').argParser(alarm),
  );
  examples(alarms, ['env-cli cluster alarms', 'env-cli cluster alarms --clear state-rotten:3']);
  does<{ clear?: readonly GivenAlarm[] }>(alarms, frame, async (at, _words, { clear = [] }) => {
    await (await import('./verbs/cluster.ts')).alarms(at, clear);
  });

  const keys = cluster.command('keys').description('Show the keys by which secrets are sealed; none of their bytes');
  examples(outputOption(keys), ['env-cli cluster keys']);
  does(keys, frame, async (at) => {
    await (await import('./verbs/keys.ts')).keys(at);
  });

  const dataKey = cluster
    .command('rotate-data-key')
    .description('Seal secrets by a new data key from now on, and the old ones anew');
  examples(outputOption(dataKey), ['env-cli cluster rotate-data-key']);
  does(dataKey, frame, async (at) => {
    await (await import('./verbs/keys.ts')).rotateDataKey(at);
  });

  const masterKey = cluster.command('rotate-master-key').description('Wrap all keys by the last key of the master key file');
  outputOption(masterKey).option('--force', 'although other members do not have it: they cannot start until they do');
  examples(masterKey, ['env-cli cluster rotate-master-key']);
  does<{ force?: boolean }>(masterKey, frame, async (at, _words, { force = false }) => {
    await (await import('./verbs/keys.ts')).rotateMasterKey(at, force);
  });

  const quota = cluster
    .command('quota')
    .argument('[size]', 'the bytes that the state may take, such as 512MiB or 12GiB', givenSize)
    .description('Show what the state takes of its quota, or set the quota');
  examples(outputOption(quota), ['env-cli cluster quota', 'env-cli cluster quota 12GiB']);
  does(quota, frame, async (at, { maybe }) => {
    const bytes = maybe(0);
    await (await import('./verbs/cluster.ts')).quota(at, bytes === undefined ? null : Number(bytes));
  });

  const compact = cluster.command('compact').argument('<revision>', 'the oldest revision that stays readable', givenRevision);
  compact.description('Forget the history below a revision');
  examples(outputOption(compact), ['env-cli cluster compact 1000']);
  does(compact, frame, async (at, { one }) => {
    await (await import('./verbs/cluster.ts')).compact(at, Number(one(0)));
  });
}
