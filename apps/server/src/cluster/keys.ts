import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { hexOf } from '@env-cli/support';
import { ClusterKeysRequestSchema, ClusterKeysResponseSchema } from '@env-cli/wire';

import { Refused } from '../errors/refused.ts';
import type { CallContext } from '../rpc/call-context.ts';
import { forwarded } from '../rpc/leader-calls.ts';
import type { Keyring } from '../secrets/keyring.ts';
import { MasterKeyProblem } from '../secrets/master-key.ts';
import type { ApiServices } from '../services.ts';

/** The keys as `Cluster.Keys` tells of them. */
export function keysAnswer(keyring: Keyring | null): MessageInitShape<typeof ClusterKeysResponseSchema> {
  const { masterKey, masterKeysHere, masterKeyProblem, dataKeys, sealingId, resealedId } = sealing(keyring).status();
  return {
    masterKey,
    masterKeysHere: [...masterKeysHere],
    masterKeyProblem,
    dataKeys: dataKeys.map(({ id, createdAtMs, sealsTaken }) => ({
      id: BigInt(id),
      createdTime: timestampFromMs(createdAtMs),
      sealsTaken: BigInt(sealsTaken),
    })),
    sealingDataKeyId: BigInt(sealingId),
    resealedDataKeyId: BigInt(resealedId),
  };
}

/** Adds a data key and answers its id. */
export function rotateDataKey(keyring: Keyring | null): Promise<number> {
  return explained(() => sealing(keyring).rotateDataKey());
}

/** Wraps all keys by the newest master key, if every member has it. Answers its name. */
export async function rotateMasterKey(api: ApiServices, context: CallContext, force: boolean): Promise<string> {
  const keyring = sealing(api.keyring);
  return explained(async () => {
    await keyring.look();
    const masterKey = hexOf(keyring.newestMasterKey().name);
    const { masterKey: inUse, where } = keyring.status();
    // A command may hold a new key under the same name: it is asked to wrap anew.
    if (masterKey !== '' && masterKey === inUse) throw new Refused({ code: 'master-key-same', masterKey, where });
    if (!force && masterKey !== '') {
      const members = await membersWithout(masterKey, api, context);
      if (members.length > 0) throw new Refused({ code: 'master-key-missing', masterKey, members });
    }
    await keyring.rotateMasterKey();
    return masterKey;
  });
}

/** The other members that do not have a master key, or do not say so. */
async function membersWithout(masterKey: string, api: ApiServices, context: CallContext): Promise<number[]> {
  const { memberId, members } = api.member.view();
  const request = forwarded('/envcli.v1.Cluster/Keys', ClusterKeysRequestSchema, { $typeName: 'envcli.v1.ClusterKeysRequest' });
  const asked = members
    .filter((member) => member.memberId !== memberId)
    .map(async (member) => {
      if (member.apiAddress === null) return member.memberId;
      const answer = await api.leader.ask(member.apiAddress, request, context).catch(() => null);
      const has = answer !== null && fromBinary(ClusterKeysResponseSchema, answer).masterKeysHere.includes(masterKey);
      return has ? null : member.memberId;
    });
  return (await Promise.all(asked)).filter((member) => member !== null);
}

function sealing(keyring: Keyring | null): Keyring {
  if (keyring === null) throw new Refused({ code: 'nothing-sealed' });
  return keyring;
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MasterKeyProblem) throw new Refused({ code: 'master-key-unusable', problem: error.message });
    throw error;
  }
}
