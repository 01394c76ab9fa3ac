import { tmpdir } from 'node:os';
import { Environments } from '@env-cli/wire';
import { Server, ServerCredentials, type ServerDuplexStream, type UntypedHandleCall } from '@grpc/grpc-js';

import { Api } from '../api.ts';
import { Inbox, pull } from '../rpc/pull.ts';
import { serviceDefinition } from '../rpc/service-definition.ts';
import { plainSecrets } from '../secrets/secrets.ts';
import { WatchStream } from '../watch/watch-stream.ts';
import { TwinMember } from './twin-member.ts';
import { testAwsDefaults } from './aws-defaults.ts';

/** What the process says of itself. */
export interface MemoryReport {
  /** Heap and external memory. */
  readonly bytes: number;
  readonly watches: number;
  readonly revision: number;
}

/**
 * A process of its own that serves watches of a twin: what a reader costs it is measured by its own heap. Told `write`, it
 * writes so many environments, collects garbage and says how much memory it holds.
 */
const member = TwinMember.alone();
const faults = {
  unexpected: (where: string, what: string): void => {
    throw new Error(`${what} in ${where}`);
  },
  broken: (error: Error): void => {
    throw error;
  },
};
const idle = { status: () => null, plan: () => Promise.resolve([]) };
const api = new Api(member, idle, {
  defaultDeadlineMs: 10_000,
  defaultConsistency: 'strong',
  watchProgressIntervalMs: 1_000,
  awsDefaults: testAwsDefaults,
  storageBytes: () => 0,
  mapBytes: 2 ** 30,
  folderProblem: () => null,
  dataDir: tmpdir(),
  secrets: plainSecrets,
  faults,
});

const server = new Server();
server.addService(serviceDefinition(Environments), {
  Watch: ((call: ServerDuplexStream<never, unknown>) => {
    const { reads, dispatcher, statusOf, draining } = api;
    const context = () => api.contexts.of(call);
    const stream = new WatchStream(new Inbox(call), {
      member,
      reads,
      dispatcher,
      context,
      statusOf,
      progressIntervalMs: 1_000,
      draining,
    });
    void pull(stream.messages(), call);
  }) as UntypedHandleCall,
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => process.send!({ port }));

process.on('message', ({ write }: { readonly write: number }) => {
  void (async () => {
    const value = { kind: 'plain', bytes: new Uint8Array(1_024).fill(120) } as const;
    const variables = [{ name: 'A', value, secret: false, hash: null, type: null, comment: null }] as const;
    for (let at = 0; at < write; at += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, offset) =>
          member.propose(
            {
              level: 1,
              group: 1,
              namespace: 'default',
              principal: 'writer',
              authorisationRevision: 0,
              session: null,
              reason: new Uint8Array(),
              body: {
                kind: 'write',
                conditions: [],
                operations: [{ kind: 'set', environment: `e/${at + offset}`, createIfAbsent: true, variables }],
              },
            },
            Number.POSITIVE_INFINITY,
          ),
        ),
      );
    }
    // What the last turns left behind goes too.
    for (let round = 0; round < 5; round++) {
      await new Promise(setImmediate);
      globalThis.gc!();
    }
    const { heapUsed, external } = process.memoryUsage();
    const report: MemoryReport = { bytes: heapUsed + external, watches: api.dispatcher.count, revision: member.revision };
    process.send!(report);
  })();
});
