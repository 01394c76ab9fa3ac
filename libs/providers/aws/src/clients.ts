import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { TargetError } from '@env-cli/outbox';

import type { AwsPlace } from './aws-target.ts';
import { type AwsCredentials, type AwsSettings, ownCredentials } from './credentials.ts';

/** The SDK's clients of one mirror. */
export interface AwsClients {
  readonly ssm: SSMClient;
  readonly secretsManager: SecretsManagerClient;
  readonly sts: STSClient;
  close(): void;
}

/** How long the credentials of a role live, in seconds: AWS allows it for every role. The SDK asks anew 5 minutes before the end. */
const roleSeconds = 3_600;

/** Makes the clients of a mirror. They try each call once: the worker decides what is tried again, and when. */
export function clientsOf(place: AwsPlace, mirror: string, settings: AwsSettings): AwsClients {
  const { region, roleArn } = place;
  const common = { region, maxAttempts: 1, ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }) };
  const own = ownCredentials(settings);
  const base = { ...common, ...(own === null ? {} : { credentials: own }) };
  const first = new STSClient(base);
  const config = roleArn === '' ? base : { ...common, credentials: roleCredentials(first, place, mirror) };
  const ssm = new SSMClient(config);
  const secretsManager = new SecretsManagerClient(config);
  const sts = roleArn === '' ? first : new STSClient(config);
  return {
    ssm,
    secretsManager,
    sts,
    close: () => {
      for (const client of new Set([first, ssm, secretsManager, sts])) client.destroy();
    },
  };
}

/** Credentials of a role. Whoever uses them keeps them until shortly before they expire. */
function roleCredentials(sts: STSClient, place: AwsPlace, mirror: string): () => Promise<AwsCredentials> {
  return async () => {
    const { Credentials: found } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: place.roleArn,
        RoleSessionName: place.sessionName === '' ? sessionNameOf(mirror) : place.sessionName,
        DurationSeconds: roleSeconds,
        ...(place.externalId === '' ? {} : { ExternalId: place.externalId }),
      }),
    );
    if (found?.AccessKeyId === undefined || found.SecretAccessKey === undefined || found.SessionToken === undefined) {
      throw new TargetError('unavailable', `assuming ${place.roleArn}: the answer holds no credentials`);
    }
    return {
      accessKeyId: found.AccessKeyId,
      secretAccessKey: found.SecretAccessKey,
      sessionToken: found.SessionToken,
      ...(found.Expiration === undefined ? {} : { expiration: found.Expiration }),
    };
  };
}

/** What the account's trail shows: `env-cli-default.secrets` for the mirror `default/secrets`. */
function sessionNameOf(mirror: string): string {
  return `env-cli-${mirror.replaceAll(/[^A-Za-z0-9_+=,.@-]/g, '.')}`.slice(0, 64);
}
