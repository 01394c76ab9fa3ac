import { exportText, revealed, type ExportFormat } from '../export-text.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { print } from '../io.ts';

/** `env-cli export ENVIRONMENT`: all variables, or an error; never a part. */
export async function exportEnvironment(at: Invocation, environment: string): Promise<void> {
  at.about = { environment, atRevision: at.settings.revision };
  const { environment: found } = await withClient(at, (client) => client.environments.get(environment, readOptions(at)));
  await print(at.io, await exportText(revealed(environment, found.variables), at.output as ExportFormat));
}
