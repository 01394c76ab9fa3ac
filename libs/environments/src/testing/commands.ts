import { encodeUtf8 } from '@env-cli/support';
import type { MirrorDefinition } from '@env-cli/mirroring';

import { encodeCommand } from '../command-codec.ts';
import type { Command, CommandBody } from '../command.ts';
import { commandLevel } from '../levels.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import type { Condition, Operation, VariableInput } from '../operation.ts';

const none = new Uint8Array(0);

/** A command of alice, without a session. */
export function commandOf(body: CommandBody, parts: Partial<Command> = {}): Command {
  return {
    level: commandLevel(body),
    group: 1,
    namespace: 'default',
    principal: 'alice',
    authorisationRevision: 0,
    requestId: { member: 1, startNonce: 2, counter: 3 },
    session: null,
    reason: none,
    body,
    ...parts,
  };
}

/** The bytes of {@link commandOf}. */
export function bytesOf(body: CommandBody, parts: Partial<Command> = {}): Uint8Array {
  return encodeCommand(commandOf(body, parts));
}

export function writeOf(operations: readonly Operation[], conditions: readonly Condition[] = []): CommandBody {
  return { kind: 'write', conditions, operations };
}

/** A plain variable of which nothing else is said. */
export function input(name: string, value: string, parts: Partial<VariableInput> = {}): VariableInput {
  return {
    name,
    value: { kind: 'plain', bytes: encodeUtf8(value) },
    secret: null,
    hash: null,
    type: null,
    comment: null,
    ...parts,
  };
}

/** A secret with the hash that the API would have made: here, the text's own bytes, repeated. */
export function secretInput(name: string, value: string, parts: Partial<VariableInput> = {}): VariableInput {
  return input(name, value, { secret: true, hash: hashOf(value), ...parts });
}

export function hashOf(value: string): Uint8Array {
  const bytes = encodeUtf8(value.padEnd(16, '*'));
  return bytes.subarray(0, 16);
}

export function setOf(environment: string, ...variables: VariableInput[]): Operation {
  return { kind: 'set', environment, createIfAbsent: true, variables };
}

/** The key of keyed hashes that {@link bootstrapOf} founds a cluster with. */
export const bootstrapHashKey = new Uint8Array(32).fill(3);

export function bootstrapOf(limits: Partial<Limits> = {}): CommandBody {
  return {
    kind: 'bootstrap',
    clusterId: new Uint8Array(16).fill(1),
    members: [{ memberId: 1, diskId: new Uint8Array(16).fill(2), address: 'a:7381' }],
    hashKey: bootstrapHashKey,
    featureLevel: 1,
    limits: { ...defaultLimits, ...limits },
  };
}

export function mirrorOf(name: string, parts: Partial<MirrorDefinition> = {}): MirrorDefinition {
  return {
    name,
    prefix: '',
    labels: [],
    provider: 'file',
    targetKey: `file/srv/${name}`,
    options: [],
    layout: 'blob',
    onLeave: 'delete',
    onDrift: 'overwrite',
    deleteShareMaxPercent: 50,
    paused: false,
    ...parts,
  };
}
