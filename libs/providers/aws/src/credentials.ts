import { TargetError } from '@env-cli/outbox';

/** Where the member finds the credentials that are its own. */
export interface AwsSettings {
  /** Names of environment variables. Empty: the SDK's default chain (variables, profiles, SSO, container, instance). */
  readonly accessKeyIdEnv: string;
  readonly secretAccessKeyEnv: string;
  /** Empty: there is no session token. */
  readonly sessionTokenEnv: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the services are, for an emulator. Otherwise the SDK knows, and reads `AWS_ENDPOINT_URL`. */
  readonly endpoint?: string;
}

/** Keys to an account. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Null: the default chain. The variables are read at each use, so that an agent may renew them. */
export function ownCredentials(settings: AwsSettings): (() => Promise<AwsCredentials>) | null {
  const { accessKeyIdEnv, secretAccessKeyEnv, sessionTokenEnv, env } = settings;
  if (accessKeyIdEnv === '' && secretAccessKeyEnv === '') return null;
  return async () => {
    const missing = [accessKeyIdEnv, secretAccessKeyEnv].find((name) => (env[name] ?? '') === '');
    if (missing !== undefined) {
      throw new TargetError(
        'unavailable',
        `the variable ${missing}, which the member's configuration names for the credentials of AWS, is not set: set it and start the member anew`,
      );
    }
    const sessionToken = sessionTokenEnv === '' ? undefined : env[sessionTokenEnv];
    return {
      accessKeyId: env[accessKeyIdEnv]!,
      secretAccessKey: env[secretAccessKeyEnv]!,
      ...(sessionToken === undefined || sessionToken === '' ? {} : { sessionToken }),
    };
  };
}
