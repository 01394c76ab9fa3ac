import { connect, type Client, type ReadOptions, type View } from '@env-cli/client';

import type { Attempted } from './failure.ts';
import type { Io } from './io.ts';
import type { Settings } from './settings.ts';
import type { Style } from './style.ts';

/** One call of the program: what a verb works with. */
export interface Invocation {
  readonly io: Io;
  readonly settings: Settings;
  /** For standard output. */
  readonly style: Style;
  /** The form of the output that was asked for. */
  readonly output: string;
  /** What the verb is about, for the text of an error. Each verb says so before it asks the cluster. */
  about: Attempted;
}

/** Does `work` with a client, and ends the client afterwards in any case. */
export async function withClient<T>({ settings }: Invocation, work: (client: Client) => Promise<T>): Promise<T> {
  const { endpoint, namespace, timeoutMs, connectTimeoutMs, consistency, tls } = settings;
  const options = { namespace, timeoutMs, connectTimeoutMs, consistency, ...(tls === null ? {} : { tls }) };
  const client = await connect(endpoint, options);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** The options of a read. `view`: full where the verb needs it whatever is shown. */
export function readOptions({ settings }: Invocation, view: View = settings.reveal ? 'full' : 'masked'): ReadOptions {
  const { token, revision } = settings;
  return { view, revision, ...(token === undefined ? {} : { token }) };
}
