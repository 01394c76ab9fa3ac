import { hashKeyBytes, idBytes, type MemberIdentity, sessionIdBytes } from '@env-cli/keyspace';
import { mirrorsCeiling, type MirrorDefinition } from '@env-cli/mirroring';
import { encodeUtf8, unreachable } from '@env-cli/support';

import type { Command, CommandBody, ResealBody, SessionUse } from './command.ts';
import { flaw, type Flaw, refusalAt, tooLarge } from './flaw.ts';
import { keyCheckBytes, masterKeyNameBytes, sealsTakenAtOnceMax, type WrappedKey, wrappedKeyBytesMax } from './keyring-row.ts';
import { defaultLimits, entryLimits, type Limits, quotaBytesCeiling, quotaBytesMin } from './limits.ts';
import {
  flawOfEnvironmentName,
  flawOfLabelKey,
  flawOfLabelValue,
  flawOfMirrorName,
  flawOfNamespace,
  flawOfPrefix,
  flawOfVariableName,
} from './names.ts';
import type { Refusal } from './refusal.ts';
import { flawOfText } from './text-rules.ts';
import { refusalOfWrite, sealBytesMax } from './validate-write.ts';

/**
 * What is wrong with a command, whatever the state is; null when nothing is. The API asks before it proposes, and apply asks
 * again, so that what other ways let in is refused all the same. `bytes` is the length of the encoded command.
 */
export function refusalOfCommand(command: Omit<Command, 'requestId'>, bytes: number, limits: Limits): Refusal | null {
  const namespace = flawOfNamespace(command.namespace);
  if (namespace !== null) return refusalAt('namespace', namespace);
  const principal = flawOfPrincipal(command.principal, limits);
  if (principal !== null) return refusalAt('principal', principal);
  const reason = flawOfText(command.reason, 'reasonBytesMax', limits);
  if (reason !== null) return refusalAt('reason', reason);
  const session = command.session === null ? null : flawOfSession(command.session);
  if (session !== null) return refusalAt('session', session);
  if (command.group !== 1) return refusalAt('group', flaw('must be 1'));
  return refusalOfBody(command.body, bytes, limits);
}

/** The most bytes that a character of a text takes in UTF-8. */
const bytesOfCharacterMax = 3;

function flawOfPrincipal(principal: string, limits: Limits): Flaw | null {
  // It is a text already: only a long one must be counted.
  if (principal.length * bytesOfCharacterMax <= limits.principalBytesMax) return null;
  return flawOfText(encodeUtf8(principal), 'principalBytesMax', limits);
}

function flawOfSession({ session, sequence, firstIncomplete }: SessionUse): Flaw | null {
  if (session.length !== sessionIdBytes) return flaw(`must be named by ${sessionIdBytes} bytes`);
  if (sequence < 1) return flaw('must count its commands from 1');
  return firstIncomplete >= 1 && firstIncomplete <= sequence
    ? null
    : flaw('must have a first incomplete sequence of 1 to the sequence');
}

function refusalOfBody(body: CommandBody, bytes: number, limits: Limits): Refusal | null {
  switch (body.kind) {
    case 'write':
      return refusalOfWrite(body, bytes, limits);
    case 'open-session':
    case 'keep-session':
    case 'close-session':
      return at('session', body.session.length === sessionIdBytes ? null : flaw(`must be named by ${sessionIdBytes} bytes`));
    case 'create-mirror':
    case 'update-mirror':
      return refusalOfDefinition(body.definition, bytes, limits);
    case 'pause-mirror':
    case 'delete-mirror':
      return at('mirror', flawOfMirrorName(body.mirror));
    case 'retry-mirror':
      return (
        at('mirror', flawOfMirrorName(body.mirror)) ??
        at('environment', body.environment === null ? null : flawOfEnvironmentName(body.environment, limits))
      );
    case 'delivered':
    case 'withdrawn':
    case 'delivery-failed':
      return (
        at('environment', flawOfEnvironmentName(body.environment, limits)) ??
        at('report', bytes > limits.deliveryBytesMax ? tooLarge('deliveryBytesMax', limits, bytes) : null)
      );
    case 'set-limits':
      return at('limits', flawOfLimits(body.limits));
    case 'set-quota':
      return at('quota_bytes', flawOfQuota(body.quotaBytes));
    case 'bootstrap':
      return (
        at('cluster_id', body.clusterId.length === idBytes ? null : flaw(`must be ${idBytes} bytes`)) ??
        at('hash_key', body.hashKey.length === hashKeyBytes ? null : flaw(`must be ${hashKeyBytes} bytes`)) ??
        at('members', body.members.length > 0 ? null : flaw('must hold at least one member')) ??
        at('limits', flawOfLimits(body.limits))
      );
    case 'restore':
      return (
        at('cluster_id', body.clusterId.length === idBytes ? null : flaw(`must be ${idBytes} bytes`)) ??
        at('members', body.members.length > 0 ? null : flaw('must hold at least one member'))
      );
    case 'report-hashes':
      return at('hashes', body.hashes.length <= hashesBytesMax ? null : flaw(`must be at most ${hashesBytesMax} bytes`));
    case 'found-keyring':
      return (
        at('master_key', flawOfMasterKey(body.masterKey)) ??
        at('hash_key', flawOfWrappedKey(body.hashKey)) ??
        at('data_key', flawOfWrappedKey(body.dataKey))
      );
    case 'add-data-key':
      return at('key', flawOfWrappedKey(body.key));
    case 'take-seals':
      return at(
        'count',
        body.count >= 1 && body.count <= sealsTakenAtOnceMax ? null : flaw(`must be 1 to ${sealsTakenAtOnceMax}`),
      );
    case 'rewrap-keys':
      return (
        at('master_key', flawOfMasterKey(body.masterKey)) ??
        at('hash_key', flawOfWrappedKey(body.hashKey)) ??
        at('data_keys', body.dataKeys.map(flawOfWrappedKey).find((found) => found !== null) ?? null)
      );
    case 'reseal':
      return refusalOfReseal(body, bytes, limits);
    case 'add-member':
      return refusalOfMember(body.member);
    case 'replace-member':
      return refusalOfMember(body.member) ?? at('replaces', flawOfMemberId(body.replaces));
    case 'remove-member':
      return at('member_id', flawOfMemberId(body.memberId));
    case 'compact':
    case 'mark-hashes':
    case 'mark-resealed':
    case 'raise-alarm':
    case 'clear-alarm':
    case 'raise-level':
    case 'hold-level':
      return null;
    default:
      return unreachable(body);
  }
}

/** Bytes of a member's address, host:port. */
const addressBytesMax = 300;

function refusalOfMember({ memberId, diskId, address }: MemberIdentity): Refusal | null {
  return (
    at('member_id', flawOfMemberId(memberId)) ??
    at('disk_id', diskId.length === idBytes ? null : flaw(`must be ${idBytes} bytes`)) ??
    at('address', flawOfAddress(address))
  );
}

function flawOfMemberId(memberId: number): Flaw | null {
  return memberId >= 1 && memberId <= 0xffff_ffff ? null : flaw('must be 1 to 4294967295');
}

function flawOfAddress(address: string): Flaw | null {
  if (address.length > addressBytesMax) return flaw(`must be at most ${addressBytesMax} characters`);
  return /^[^\s]+:\d{1,5}$/.test(address) ? null : flaw('must be host:port');
}

/** Bytes of a member's state hashes: more than any version keeps. */
const hashesBytesMax = 256;

function flawOfMasterKey({ length }: Uint8Array): Flaw | null {
  return length === 0 || length === masterKeyNameBytes ? null : flaw(`must be named by ${masterKeyNameBytes} bytes, or by none`);
}

function flawOfWrappedKey({ wrapped, check }: WrappedKey): Flaw | null {
  if (check.length !== keyCheckBytes) return flaw(`must come with ${keyCheckBytes} bytes to check it by`);
  return wrapped.length >= 1 && wrapped.length <= wrappedKeyBytesMax
    ? null
    : flaw(`must be 1 to ${wrappedKeyBytesMax} bytes when it is wrapped`);
}

function refusalOfReseal({ values }: ResealBody, bytes: number, limits: Limits): Refusal | null {
  const { resealedValuesMax } = entryLimits;
  if (values.length > resealedValuesMax) return refusalAt('values', tooLarge('resealedValuesMax', limits, values.length));
  // The values of one environment fit into it, whatever the limit on several.
  const bytesMax = 2 * limits.environmentBytesMax;
  if (bytes > bytesMax) return { code: 'too-large', field: 'values', limit: 'environmentBytesMax', max: bytesMax, actual: bytes };
  for (const [place, { environment, variable, value }] of values.entries()) {
    const found =
      flawOfEnvironmentName(environment, limits) ??
      flawOfVariableName(variable, limits) ??
      (value.bytes.length > value.plainLengthBytes + sealBytesMax ? flaw('must be sealed in few bytes more than it has') : null);
    if (found !== null) return refusalAt(`values[${place}]`, found);
  }
  return null;
}

function at(field: string, found: Flaw | null): Refusal | null {
  return found === null ? null : refusalAt(field, found);
}

function refusalOfDefinition(definition: MirrorDefinition, bytes: number, limits: Limits): Refusal | null {
  const { name, prefix, labels, provider, targetKey, options, deleteShareMaxPercent } = definition;
  const keys = options.map(({ key }) => key);
  return (
    at('name', flawOfMirrorName(name)) ??
    at('prefix', flawOfPrefix(prefix, limits)) ??
    at('labels', labels.map(({ key }) => flawOfLabelKey(key)).find((found) => found !== null) ?? null) ??
    at('labels', flawOfDemandedValues(labels)) ??
    at('provider', flawOfMirrorName(provider)) ??
    at(
      'target_key',
      targetKey.startsWith(`${provider}/`) && !targetKey.endsWith('/')
        ? null
        : flaw('must be the provider, a / and what it claims there'),
    ) ??
    at('options', options.length > limits.mirrorOptionsMax ? tooLarge('mirrorOptionsMax', limits, options.length) : null) ??
    at(
      'options',
      keys.every((key, place) => place === 0 || keys[place - 1]! < key) ? null : flaw('must be sorted by key, each key once'),
    ) ??
    at(
      'delete_share_max_percent',
      deleteShareMaxPercent >= 0 && deleteShareMaxPercent <= 100 ? null : flaw('must be 0 to 100'),
    ) ??
    at('mirror', bytes > limits.mirrorBytesMax ? tooLarge('mirrorBytesMax', limits, bytes) : null)
  );
}

function flawOfDemandedValues(labels: MirrorDefinition['labels']): Flaw | null {
  for (const demand of labels) {
    if (demand.kind !== 'in' && demand.kind !== 'not-in') continue;
    if (demand.values.length === 0) return flaw('must name a value behind in and notin');
    const found = demand.values.map(flawOfLabelValue).find((value) => value !== null);
    if (found !== undefined) return found;
  }
  return null;
}

/** Limits that would let in what the formats cannot hold, or what no entry has room for, are refused. */
const ceilings: Partial<Limits> = {
  // A key of the tables has at most 1,024 bytes.
  environmentNameBytesMax: 512,
  variableNameBytesMax: 1024,
  valueBytesMax: 16 * 1024 * 1024,
  environmentBytesMax: 32 * 1024 * 1024,
  writeBytesMax: 32 * 1024 * 1024,
  mirrorsMax: mirrorsCeiling,
  quotaBytes: quotaBytesCeiling,
};

function flawOfLimits(limits: Limits): Flaw | null {
  for (const name of Object.keys(defaultLimits) as (keyof Limits)[]) {
    const ceiling = ceilings[name] ?? Number.MAX_SAFE_INTEGER;
    if (limits[name] < 1 || limits[name] > ceiling) return flaw(`${name} must be 1 to ${ceiling}`);
  }
  return null;
}

function flawOfQuota(quotaBytes: number): Flaw | null {
  return quotaBytes >= quotaBytesMin && quotaBytes <= quotaBytesCeiling
    ? null
    : flaw(`must be ${quotaBytesMin} to ${quotaBytesCeiling} bytes`);
}
