import { describe, expect, test } from '@jest/globals';

import { showDuration, showSize } from './kinds.ts';
import { printedConfig } from './manual.ts';
import { type OptionSources, readOptions } from './read.ts';
import { optionKeys, optionOf } from './table.ts';

function sources(args: readonly string[], env: Record<string, string> = {}, file?: string): OptionSources {
  return {
    args: file === undefined ? args : ['--config', 'member.toml', ...args],
    env,
    readFile: (path) => {
      if (file === undefined || path !== 'member.toml') throw Object.assign(new Error('none'), { code: 'ENOENT' });
      return file;
    },
  };
}

function refusalOf(given: OptionSources): string {
  try {
    readOptions(given);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

test('a flag goes over a variable, a variable over the file, the file over the default', () => {
  const file = '[server]\nlisten = "10.0.0.1:1"\ndata_dir = "/file"\nmember_id = 3\n';
  const { values, origins } = readOptions(
    sources(['--listen', '10.0.0.3:3'], { ENV_CLI_SERVER_LISTEN: '10.0.0.2:2', ENV_CLI_SERVER_DATA_DIR: '/variable' }, file),
  );
  expect(values['server.listen']).toEqual({ host: '10.0.0.3', port: 3 });
  expect(values['server.data_dir']).toBe('/variable');
  expect(values['server.member_id']).toBe(3);
  expect(values['observability.metrics_port']).toBe(9090);
  expect([origins['server.listen'], origins['server.data_dir'], origins['server.member_id'], origins['mirrors.enabled']]).toEqual(
    ['flag --listen', 'variable ENV_CLI_SERVER_DATA_DIR', 'member.toml, line 4', 'default'],
  );
});

describe('what is not understood is refused, with its place and what to do', () => {
  const cases = [
    ['an unknown flag', sources(['--lisen', 'a:1']), 'there is no flag --lisen; did you mean listen?'],
    ['a flag without its value', sources(['--listen']), 'flag --listen lacks its value'],
    ['something that is no flag', sources(['start']), '"start" is not a flag'],
    [
      'a bad flag',
      sources(['--member-id', '0']),
      'flag --member-id: server.member_id must be a whole number from 1 to 4294967295, not "0"',
    ],
    ['an unknown variable', sources([], { ENV_CLI_SERVER_LISTN: 'a:1' }), 'did you mean ENV_CLI_SERVER_LISTEN?'],
    ['a variable of a feature to come', sources([], { ENV_CLI_OBSERVABILITY_TRACING_ENDPOINT: 'x' }), 'tracing is not built yet'],
    [
      'an unknown key',
      sources([], {}, '[server]\n\nlistn = "a:1"\n'),
      'member.toml, line 3: there is no option server.listn; did you mean server.listen?',
    ],
    [
      'an unknown table',
      sources([], {}, '[sever]\nlisten = "a:1"\n'),
      'line 2: there is no option sever.listen; did you mean server.listen?',
    ],
    ['an empty unknown table', sources([], {}, '\n[foo]\n'), 'line 2: there is no option foo'],
    [
      'a bad value behind a text of several lines',
      sources([], {}, '[server]\ndata_dir = """\na\n"""\nlisten = "nowhere"\n'),
      'line 5: server.listen must be host:port',
    ],
    [
      'a key of the schema that is not built yet',
      sources([], {}, '[cloud]\ndefault_provider = "gcp"\n'),
      'line 2: cloud.default_provider: delivery to another cloud than AWS is not built yet',
    ],
    [
      'a provider that is not built yet',
      sources([], {}, '[cloud.providers.gcp]\nproject_id = "x"\n'),
      'line 2: cloud.providers.gcp.project_id: delivery to Google Cloud is not built yet',
    ],
    [
      'a region that is none',
      sources([], {}, '[cloud.providers.aws]\nregion = "x"\n'),
      'line 2: cloud.providers.aws.region must be a region such as eu-west-1, or nothing, not "x"',
    ],
    [
      'an access key without its secret',
      sources(['--aws-access-key-id-env', 'KEY']),
      'cloud.providers.aws.secret_access_key_env must be given together with cloud.providers.aws.access_key_id_env',
    ],
    ['no TOML', sources([], {}, '[server]\nlisten = \n'), 'member.toml, line 2: '],
    ['a file that is not there', sources(['--config', 'absent.toml']), 'absent.toml cannot be read (ENOENT)'],
    ['two members of one number', sources(['--members', '1=a:1,1=b:2']), 'server.members must be a list of id=host:port'],
    ['a port beyond the last', sources(['--listen', 'a:65536']), 'must be host:port'],
    ['a duration without unit', sources(['--default-deadline', '10']), 'must be a duration'],
  ] as const;
  test.each(cases)('%s', (_why, given, message) => {
    expect(refusalOf(given)).toContain(message);
  });
});

test('a key of the schema that states what is the case anyway is let through', () => {
  expect(refusalOf(sources([], {}, '[cloud]\ndefault_provider = "aws"\n[autoscaling]\nenabled = false\n'))).toBe('accepted');
});

test('the tables of AWS are taken as they are written', () => {
  const file = `[cloud]
enabled = true
default_provider = "aws"

[cloud.providers.aws]
region = "us-west-2"
access_key_id_env = "AWS_ACCESS_KEY_ID"
secret_access_key_env = "AWS_SECRET_ACCESS_KEY"
ssm_parameter_prefix = "/env-cli/"
secrets_manager_prefix = "env-cli/"
`;
  const { values } = readOptions(sources([], { ENV_CLI_CLOUD_PROVIDERS_AWS_ACCOUNT_ID: '123456789012' }, file));
  expect([values['cloud.providers.aws.region'], values['cloud.providers.aws.access_key_id_env']]).toEqual([
    'us-west-2',
    'AWS_ACCESS_KEY_ID',
  ]);
  expect(values['cloud.providers.aws.account_id']).toBe('123456789012');
});

test('variables of the command line client are none of the member’s business', () => {
  expect(refusalOf(sources([], { ENV_CLI_ADDRESS: 'x', ENV_CLI_CONTEXT: 'y' }))).toBe('accepted');
});

test('what --print-config prints reads back to the same', () => {
  const options = readOptions(
    sources(['--members', '1=a:1,2=[::1]:2', '--insecure', '--default-deadline', '1m30s', '--advertise', 'h:1']),
  );
  const again = readOptions(sources([], {}, printedConfig(options)));
  expect(again.values).toEqual(options.values);
});

test('every default is a value that would be allowed', () => {
  for (const key of optionKeys) {
    const { kind, default: value } = optionOf(key);
    const { values } = readOptions(sources([], {}, `${key} = ${kind.show(value)}\n`));
    expect(values[key]).toEqual(value);
  }
});

test('flags and variables are told apart by name', () => {
  expect(new Set(optionKeys.map((key) => optionOf(key).flag)).size).toBe(optionKeys.length);
});

test.each([
  [0, '0s'],
  [1, '1ms'],
  [90_000, '1m30s'],
  [3_600_000, '1h'],
] as const)('%d ms are %s', (valueMs, text) => expect(showDuration(valueMs)).toBe(text));

test.each([
  [1, '1B'],
  [1024, '1KiB'],
  [64 * 2 ** 20, '64MiB'],
  [1025, '1025B'],
] as const)('%d bytes are %s', (valueBytes, text) => expect(showSize(valueBytes)).toBe(text));
