/**
 * The shortest way for a Node.js service without our SDK: the published .proto files, loaded when the program runs.
 *
 *     node test/clients/proto-loader-client.ts 127.0.0.1:7371
 */
import { promisify } from 'node:util';

import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const definition = loadSync('envcli/v1/environments.proto', {
  includeDirs: ['proto'],
  longs: String, // revisions are int64
  enums: String,
  defaults: true,
  oneofs: true,
});
const { envcli } = loadPackageDefinition(definition) as unknown as {
  readonly envcli: { readonly v1: { readonly Environments: ServiceClientConstructor } };
};

const [address = '127.0.0.1:7371'] = process.argv.slice(2);
const client = new envcli.v1.Environments(address, credentials.createInsecure());
const write = promisify(client['Write']!.bind(client)) as (
  request: object,
) => Promise<{ revision: string; header: { token: string } }>;
const get = promisify(client['Get']!.bind(client)) as (
  request: object,
) => Promise<{ environment: { variables: { name: string; value: string }[] } }>;

const { revision, header } = await write({
  operations: [{ environment: 'loaded/prod', set: { createIfAbsent: true, variables: [{ name: 'GREETING', value: 'hello' }] } }],
});
// The token of an answer lets the next read see what it saw, on whichever member.
const { environment } = await get({ name: 'loaded/prod', options: { token: header.token } });
for (const { name, value } of environment.variables) process.stdout.write(`${name}=${value} (revision ${revision})\n`);
client.close();
