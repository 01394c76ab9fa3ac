import type { Client } from '@env-cli/client';
import type { Command } from 'commander';

import { completionOf, optionValue, type NameSource } from '../complete.ts';
import { completionScripts, filesMark, type Shell } from '../completion-scripts.ts';
import { readContexts } from '../contexts.ts';
import { durationMs } from '../duration.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { print } from '../io.ts';
import { readSettings, type Flags } from '../settings.ts';
import { oneLine } from '../text.ts';

/** The longest that a person waits for names, in milliseconds, unless ENV_CLI_COMPLETION_TIMEOUT says otherwise; then there are none. */
const namesTimeoutMsDefault = 1000;

/** Names that are offered at most. */
const namesMax = 200;

/** `env-cli completion SHELL`. */
export async function script(at: Invocation, shell: Shell): Promise<void> {
  await print(at.io, completionScripts[shell]);
}

/** `env-cli __complete -- WORDS…`: what the scripts ask. Says nothing of what goes wrong: nobody wants it in the line they write. */
export async function complete(at: Invocation, program: Command, words: readonly string[]): Promise<void> {
  const completion = await completionOf(program, words, namesFor(at, words));
  if (completion.kind === 'files') {
    await print(at.io, `${filesMark}\n`);
    return;
  }
  const lines = completion.words.slice(0, namesMax).map(({ text, note }) => `${oneLine(text)}\t${oneLine(note)}\n`);
  await print(at.io, lines.join(''));
}

/** Names from the cluster that the words before the cursor name, or else the settings. */
function namesFor(at: Invocation, words: readonly string[]): NameSource {
  const asked = async (work: (client: Client) => Promise<readonly string[]>): Promise<readonly string[]> => {
    try {
      const settings = readSettings(flagsIn(words), at.io.env);
      const timeoutMs = durationMs(at.io.env['ENV_CLI_COMPLETION_TIMEOUT'] ?? '') ?? namesTimeoutMsDefault;
      const hurried = { ...settings, consistency: 'eventual', timeoutMs, connectTimeoutMs: timeoutMs } as const;
      return await withClient({ ...at, settings: hurried }, work);
    } catch {
      return [];
    }
  };
  return {
    environments: (prefix) =>
      asked(async ({ environments }) => {
        for await (const { items } of environments.list({ prefix, namesOnly: true, pageSize: namesMax }).pages())
          return items.map(({ name }) => name);
        return [];
      }),
    variables: (name) => asked(async ({ environments }) => namesOf((await environments.get(name)).environment.variables)),
    mirrors: () => asked(async ({ mirrors }) => namesOf((await mirrors.list()).mirrors)),
    contexts: () => {
      try {
        return Object.keys(readContexts(at.io.env).contexts);
      } catch {
        return [];
      }
    },
  };
}

function namesOf(named: readonly { readonly name: string }[]): readonly string[] {
  return named.map(({ name }) => name);
}

function flagsIn(words: readonly string[]): Flags {
  const endpoint = optionValue(words, ['-e', '--endpoint']);
  const namespace = optionValue(words, ['-n', '--namespace']);
  const context = optionValue(words, ['--context']);
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(context === undefined ? {} : { context }),
  };
}
