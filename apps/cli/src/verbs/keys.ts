import { withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { json } from '../json.ts';
import { cell, table, type Column } from '../table.ts';

const columns: readonly Column[] = [
  { title: 'DATA KEY', align: 'right' },
  { title: 'CREATED' },
  { title: 'SEALS TAKEN', align: 'right' },
  { title: 'STATE' },
];

/** `env-cli cluster keys`. */
export async function keys(at: Invocation): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.keys());
  if (at.output === 'json') {
    await print(at.io, json(answer));
    return;
  }
  const { dataKeys, sealingDataKeyId, resealedDataKeyId, masterKey, masterKeysHere, masterKeyProblem } = answer;
  const rows = dataKeys.map(({ id, createdTime, sealsTaken }) => [
    String(id),
    createdTime?.toISOString() ?? '',
    String(sealsTaken),
    id === sealingDataKeyId ? at.style.green('seals') : id < resealedDataKeyId ? 'for the past only' : '',
  ]);
  await print(at.io, table(columns, rows, at));
  await say(at.io, masterKey === '' ? 'A command holds the master key.' : `They are wrapped by the master key ${masterKey}.`);
  const newest = masterKeysHere.at(-1);
  if (newest !== undefined && newest !== masterKey) await say(at.io, `The newest master key here is ${newest}: rotate to it.`);
  if (masterKeyProblem !== '') await say(at.io, `${at.style.red('Master key')}: ${cell(masterKeyProblem)}.`);
}

/** `env-cli cluster rotate-data-key`. */
export async function rotateDataKey(at: Invocation): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.rotateDataKey());
  if (at.output === 'json') await print(at.io, json(answer));
  else
    await say(at.io, `Data key ${answer.dataKeyId} seals in a moment; what older ones sealed is sealed anew in the background.`);
}

/** `env-cli cluster rotate-master-key`. */
export async function rotateMasterKey(at: Invocation, force: boolean): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.rotateMasterKey({ force }));
  if (at.output === 'json') await print(at.io, json(answer));
  else if (answer.masterKey === '') await say(at.io, 'All keys are wrapped anew.');
  else await say(at.io, `All keys are wrapped by the master key ${answer.masterKey}; older ones may leave the files.`);
}
