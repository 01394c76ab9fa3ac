import { exitCodeMeanings, exitCodes } from './cli-error.ts';
import { globalOptions, optionNames } from './options.ts';

/** Helps that are of no verb: `env-cli help TOPIC`. */
export interface Topic {
  readonly title: string;
  readonly text: () => string;
}

export const topics: Readonly<Record<string, Topic>> = {
  'exit-codes': { title: 'What the exit codes mean', text: exitCodesText },
  options: { title: 'The options of every verb, and where else they come from', text: optionsText },
  values: { title: 'Values from files and from standard input', text: valuesText },
};

function exitCodesText(): string {
  const lines = (Object.keys(exitCodes) as (keyof typeof exitCodes)[]).map(
    (name) => `  ${exitCodes[name]}    ${exitCodeMeanings[name]}`,
  );
  return `Exit codes:\n${lines.join('\n')}

'env-cli run' ends with the exit code of its command: 127 when there is no such command, 126 when it
cannot be started, and 128 and the signal's number when a signal ended it.
`;
}

function optionsText(): string {
  const lines = optionNames.map((name) => {
    const { flags, variable, inContext, default: byDefault, text } = globalOptions[name];
    const sources = [flags, variable, ...(inContext ? [`${name} of the context`] : [])].join(', ');
    return `  ${name}\n    ${text}\n    ${sources}; default: ${byDefault}`;
  });
  return `Options of every verb. A flag goes before its environment variable, that before the context, and that
before the default; 'env-cli context show' tells what holds and why.

${lines.join('\n')}

NO_COLOR (set to anything) turns colours off unless --color or ENV_CLI_COLOR asks for them.
The pager is ENV_CLI_PAGER, else that of the context, else PAGER, else less; set to nothing: none.
`;
}

function valuesText(): string {
  return `Values of 'set' and 'create':
  NAME=text      the text itself
  NAME=@path     what the file holds, without the line break at its end
  NAME=-         what comes on standard input, without the line break at its end
  NAME=@@text    the text @text
  --literal      @ and - are values like any other, in all of them

A value that comes from a file or from standard input never stands in the list of processes, nor in the
history of the shell: give secrets in this way.
`;
}
