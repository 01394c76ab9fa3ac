import type { Client, EnvCliError, Environment, Reason, WriteAnswer } from '@env-cli/client';

import { refusedError } from '../cli-error.ts';
import {
  EditError,
  editOperations,
  editText,
  isEmptyText,
  readEdited,
  withError,
  withoutErrors,
  type EditForm,
} from '../edit-text.ts';
import { Editor } from '../editor.ts';
import { failureOf } from '../failure.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { say } from '../io.ts';
import { printedAsData } from '../structured.ts';

export interface EditFlags {
  readonly format: EditForm;
  readonly create?: boolean;
  readonly reason?: string;
}

/** Refusals that another look at the text can mend. */
const mendable: readonly Reason[] = ['INVALID_FIELD', 'TOO_LARGE'];

/** `env-cli edit ENVIRONMENT`: in the editor of the person, written only if nobody else has changed it meanwhile. */
export async function edit(at: Invocation, environment: string, flags: EditFlags): Promise<void> {
  at.about = { environment, mayCreate: true };
  const before = await withClient(at, (client) => readBefore(at, client, environment, flags));
  at.about = { environment, ifRevision: before?.modifyRevision ?? 0 };
  const editor = new Editor(at.io, `${environment.replaceAll('/', '-')}.${flags.format === 'yaml' ? 'yaml' : 'env'}`);
  try {
    const answer = await editedUntilWritten({ at, editor, environment, before, flags });
    if (answer === null) await say(at.io, 'Nothing was changed.');
    else if (!(await printedAsData(at, answer))) await say(at.io, `${environment} is at revision ${answer.revision}.`);
  } finally {
    editor.close();
  }
}

async function readBefore(
  at: Invocation,
  client: Client,
  environment: string,
  { create = false }: EditFlags,
): Promise<Environment | null> {
  try {
    const view = at.settings.reveal ? 'full' : 'masked';
    return (await client.environments.get(environment, { view })).environment;
  } catch (error) {
    if (create && (error as EnvCliError).reason === 'ENVIRONMENT_NOT_FOUND') return null;
    throw error;
  }
}

interface Edit {
  readonly at: Invocation;
  readonly editor: Editor;
  readonly environment: string;
  readonly before: Environment | null;
  readonly flags: EditFlags;
}

/** Opens the editor until what it leaves can be written, or the person gives up. Null: nothing was changed. */
async function editedUntilWritten(work: Edit): Promise<WriteAnswer | null> {
  const { at, editor, environment, before, flags } = work;
  const original = editText(environment, before, flags.format);
  let problem: string | null = null;
  for (let text = original; ;) {
    const shown: string = problem === null ? text : withError(text, problem);
    const left = await editor.edited(shown);
    if (left === shown && problem !== null) throw refusedError(`the error was left as it is: ${problem} Nothing was written.`);
    text = withoutErrors(left);
    if (text === original) return null;
    if (isEmptyText(text)) throw refusedError('the file is empty. Nothing was written.');
    try {
      return await written(work, text);
    } catch (error) {
      problem = problemOf(at, error);
      if (problem === null) throw error;
    }
  }
}

async function written({ at, environment, before, flags }: Edit, text: string): Promise<WriteAnswer | null> {
  const operations = editOperations(environment, before, readEdited(text, flags.format));
  if (operations.length === 0) return null;
  const revision = before?.modifyRevision ?? 0;
  return await withClient(at, ({ environments }) =>
    environments.write(
      { operations, conditions: [{ kind: 'at-revision', environment, revision }] },
      flags.reason === undefined ? {} : { reason: flags.reason },
    ),
  );
}

/** What the person is asked to mend; null: nothing in the text would help. */
function problemOf(at: Invocation, error: unknown): string | null {
  // The line above it will be that of the error itself.
  if (error instanceof EditError) return `${error.line === null ? '' : `line ${error.line + 1}: `}${error.message}.`;
  if (error instanceof Error && mendable.includes((error as EnvCliError).reason))
    return failureOf(error, at.about, at.io.now()).text;
  return null;
}
