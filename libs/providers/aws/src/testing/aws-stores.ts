import { randomUUID } from 'node:crypto';

import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  DeleteParametersCommand,
  GetParametersByPathCommand,
  type Parameter,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import type { MirrorLayout } from '@env-cli/mirroring';
import type { TargetUnderTest } from '@env-cli/outbox/conformance';

import { openAwsTarget } from '../aws-provider.ts';
import { awsDefinition, awsTargetOf } from '../aws-target.ts';
import type { AwsSettings } from '../credentials.ts';
import type { AwsStore } from '../target-options.ts';

// What a provider loads with its first call is here before: the time of tests stands still for calls, not for loading.
await Promise.all([import('../secrets-calls.ts'), import('../ssm-calls.ts')]);

/** Where a store runs. */
export interface AwsPlaceUnderTest {
  readonly account: string;
  readonly region: string;
  /** Null: AWS itself, with the credentials of the SDK's default chain. */
  readonly endpoint: string | null;
}

/** AWS itself, if its region and account are given in the environment (with credentials that the SDK finds); else null. */
export function realAws(): AwsPlaceUnderTest | null {
  const region = process.env['ENV_CLI_TEST_AWS_REGION'] ?? '';
  const account = process.env['ENV_CLI_TEST_AWS_ACCOUNT'] ?? '';
  return region === '' || account === '' ? null : { region, account, endpoint: null };
}

export function settingsOf({ endpoint }: AwsPlaceUnderTest): AwsSettings {
  if (endpoint === null) return { accessKeyIdEnv: '', secretAccessKeyEnv: '', sessionTokenEnv: '', env: {} };
  return {
    accessKeyIdEnv: 'KEY',
    secretAccessKeyEnv: 'SECRET',
    sessionTokenEnv: '',
    env: { KEY: 'AKIAIOSFODNN7EXAMPLE', SECRET: 'of-the-emulator' },
    endpoint,
  };
}

/** A client's configuration for somebody beside the mirror. */
export function clientConfig({ region, endpoint }: AwsPlaceUnderTest) {
  return endpoint === null
    ? { region }
    : {
        region,
        endpoint,
        maxAttempts: 1,
        credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'of-the-emulator' },
      };
}

/** Spacing of calls to AWS itself, in milliseconds: the suite's clock does not slow it. */
const realSpacingMs = 350;

/** A store below a prefix of its own. */
export function storeUnderTest(
  store: AwsStore,
  layout: MirrorLayout,
  place: AwsPlaceUnderTest,
  options: Readonly<Record<string, string>> = {},
): TargetUnderTest & { readonly prefix: string } {
  const { account, region } = place;
  const values = { account, region, prefix: `env-cli-test/${randomUUID().slice(0, 8)}`, ...options };
  const definition = awsDefinition(store, layout, values);
  const { prefix, names } = awsTargetOf(definition);
  const raw = store === 'aws-ssm' ? new RawParameters(place, prefix) : new RawSecrets(place, prefix);
  const contents = async (environments: readonly string[]) => {
    const found: Record<string, Record<string, string>> = {};
    for (const [key, value] of await raw.all()) {
      const environment = names.environmentOf(key);
      if (environment === null || !environments.includes(environment)) continue;
      const variables = layout === 'blob' ? JSON.parse(value) : { [key.slice(key.lastIndexOf('/') + 1)]: value };
      found[environment] = { ...found[environment], ...variables };
    }
    return Object.fromEntries(Object.entries(found).filter(([, variables]) => Object.keys(variables).length > 0));
  };
  return {
    prefix,
    definition,
    open: (mirror, context) => openAwsTarget(mirror, context, settingsOf(place)),
    contents,
    meddle: async (environment, variables) => {
      if (layout === 'per-variable') {
        for (const [name, value] of Object.entries(variables)) await raw.put(names.key(environment, name), value);
        return;
      }
      const all = { ...(await contents([environment]))[environment], ...variables };
      const sorted = Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1)));
      await raw.put(names.key(environment, ''), JSON.stringify(sorted));
    },
    ...(place.endpoint === null ? { beforeCall: () => new Promise<void>((go) => setTimeout(go, realSpacingMs)) } : {}),
    close: () => raw.close(),
  };
}

/** Parameters, as somebody else uses them. */
export class RawParameters {
  readonly client: SSMClient;
  readonly #prefix: string;

  constructor(place: AwsPlaceUnderTest, prefix: string) {
    this.client = new SSMClient(clientConfig(place));
    this.#prefix = prefix;
  }

  async parameters(): Promise<Parameter[]> {
    const found: Parameter[] = [];
    let NextToken: string | undefined;
    do {
      const page = await this.client.send(
        new GetParametersByPathCommand({
          Path: this.#prefix.slice(0, -1),
          Recursive: true,
          WithDecryption: true,
          ...(NextToken === undefined ? {} : { NextToken }),
        }),
      );
      found.push(...(page.Parameters ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== '');
    return found;
  }

  async all(): Promise<Map<string, string>> {
    return new Map((await this.parameters()).map(({ Name, Value }) => [Name!, Value ?? '']));
  }

  async put(Name: string, Value: string): Promise<void> {
    await this.client.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
  }

  async close(): Promise<void> {
    const names = [...(await this.all()).keys()];
    for (let at = 0; at < names.length; at += 10) {
      await this.client.send(new DeleteParametersCommand({ Names: names.slice(at, at + 10) }));
    }
    this.client.destroy();
  }
}

/** Secrets, as somebody else uses them. */
export class RawSecrets {
  readonly client: SecretsManagerClient;
  readonly #prefix: string;

  constructor(place: AwsPlaceUnderTest, prefix: string) {
    this.client = new SecretsManagerClient(clientConfig(place));
    this.#prefix = prefix;
  }

  async all(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    let NextToken: string | undefined;
    do {
      const page = await this.client.send(
        new ListSecretsCommand({
          Filters: [{ Key: 'name', Values: [this.#prefix] }],
          ...(NextToken === undefined ? {} : { NextToken }),
        }),
      );
      for (const { Name } of page.SecretList ?? []) {
        if (Name === undefined || !Name.startsWith(this.#prefix)) continue;
        found.set(Name, (await this.client.send(new GetSecretValueCommand({ SecretId: Name }))).SecretString ?? '');
      }
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== '');
    return found;
  }

  async put(Name: string, SecretString: string): Promise<void> {
    try {
      await this.client.send(new PutSecretValueCommand({ SecretId: Name, SecretString }));
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ResourceNotFoundException') throw error;
      await this.client.send(new CreateSecretCommand({ Name, SecretString }));
    }
  }

  async close(): Promise<void> {
    for (const Name of (await this.all()).keys()) {
      await this.client.send(new DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }));
    }
    this.client.destroy();
  }
}
