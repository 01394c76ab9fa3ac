import { writeFileSync } from 'node:fs';

import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';

import { environmentName, environmentsCount, newTexts, valuesCount, variableBytes } from './payload.ts';
import type { OperationName } from './works.ts';

/** A unary method, and a file of requests for it. */
export interface UnaryRequests {
  readonly method: string;
  readonly file: string;
}

/** Messages of a file of writes: every environment twice, with another value. */
const writesCount = environmentsCount * 2;

/** Writes the requests of an operation to a file, each after its length (u32, big-endian). */
export function unaryRequests(operation: Exclude<OperationName, 'write-100'>, file: string): UnaryRequests {
  const service = loadSync('envcli/v1/environments.proto', { includeDirs: ['proto'], keepCase: true, longs: Number })[
    'envcli.v1.Environments'
  ] as ServiceDefinition;
  const method = service[operation === 'write' ? 'Write' : 'Get']!;
  const values = newTexts(valuesCount, variableBytes);
  const message = (n: number): object =>
    operation === 'write'
      ? {
          operations: [
            {
              environment: environmentName(0, n),
              // 61: so that neighbours differ, and the second message for an environment from its first.
              set: { variables: [{ name: 'VALUE', value: values[(n * 61) % valuesCount] }], create_if_absent: true },
            },
          ],
        }
      : { name: environmentName(0, n), options: { consistency: operation === 'strong' ? 1 : 3 } };
  const parts: Buffer[] = [];
  for (let n = 0; n < (operation === 'write' ? writesCount : environmentsCount); n++) {
    const bytes = method.requestSerialize(message(n));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  writeFileSync(file, Buffer.concat(parts));
  return { method: method.path, file };
}
