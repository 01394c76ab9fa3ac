import type { RunningEmulator } from './aws-emulators.ts';

interface Parameter {
  readonly Name: string;
  readonly Value: string;
  readonly Version: number;
}

/** An emulator of AWS as somebody else uses it: by its plain protocol, which needs no SDK and no true signature. */
export class EmulatedStore {
  readonly #endpoint: string;

  constructor({ endpoint }: RunningEmulator) {
    this.#endpoint = endpoint;
  }

  /** Parameters below a path, by what follows it. */
  async parameters(path: string): Promise<Map<string, string>> {
    return new Map((await this.#below(path)).map(({ Name, Value }) => [Name.slice(path.length + 1), Value]));
  }

  /** How often each parameter below a path was written. */
  async versions(path: string): Promise<Map<string, number>> {
    return new Map((await this.#below(path)).map(({ Name, Version }) => [Name, Version]));
  }

  async #below(path: string): Promise<Parameter[]> {
    const found: Parameter[] = [];
    let token: unknown;
    do {
      const page = await this.#call('ssm', 'AmazonSSM.GetParametersByPath', {
        Path: path,
        Recursive: true,
        WithDecryption: true,
        ...(token === undefined ? {} : { NextToken: token }),
      });
      found.push(...(page['Parameters'] as Parameter[]));
      token = page['NextToken'];
    } while (token !== undefined && token !== '');
    return found;
  }

  async putParameter(name: string, value: string): Promise<void> {
    await this.#call('ssm', 'AmazonSSM.PutParameter', { Name: name, Value: value, Type: 'SecureString', Overwrite: true });
  }

  async deleteParameter(name: string): Promise<void> {
    await this.#call('ssm', 'AmazonSSM.DeleteParameter', { Name: name });
  }

  async secret(name: string): Promise<string> {
    return String((await this.#call('secretsmanager', 'secretsmanager.GetSecretValue', { SecretId: name }))['SecretString']);
  }

  async #call(service: string, target: string, body: object): Promise<Record<string, unknown>> {
    const credential = `Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/${service}/aws4_request`;
    const answer = await fetch(this.#endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': target,
        authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${target}: HTTP ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
  }
}
