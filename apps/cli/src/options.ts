import { durationMs } from './duration.ts';

/** An option that every verb takes. Each may come from a flag, an environment variable or the context, in this order. */
export interface GlobalOption {
  /** As commander declares it. */
  readonly flags: string;
  readonly variable: string;
  /** Whether a context may hold it. */
  readonly inContext: boolean;
  /** What holds when nothing says otherwise. */
  readonly default: string;
  readonly text: string;
  /** What is wrong with a value; null: nothing. */
  readonly problem: (value: string) => string | null;
}

/** When colours are used. */
export const colorChoices = ['auto', 'always', 'never'] as const;

export type Color = (typeof colorChoices)[number];

const isColor = (text: string): text is Color => (colorChoices as readonly string[]).includes(text);

/** What the cluster takes for a namespace is the cluster's rule: here only that there is one. */
const anyText = (value: string): string | null => (value === '' ? 'it is empty' : null);

/** The options of every verb: flags over environment variables over the context over defaults. Help and docs/cli.md are made of it. */
export const globalOptions = {
  endpoint: {
    flags: '-e, --endpoint <addresses>',
    variable: 'ENV_CLI_ENDPOINT',
    inContext: true,
    // The ports at which `npm start` serves.
    default: '127.0.0.1:7371,127.0.0.1:7372,127.0.0.1:7373',
    text: 'members, host:port separated by commas',
    problem: anyText,
  },
  ca: {
    flags: '--ca <file>',
    variable: 'ENV_CLI_CA',
    inContext: true,
    default: 'none',
    text: 'the certificates (PEM) of the authority that signed those of the members; with it, connections are encrypted',
    problem: anyText,
  },
  cert: {
    flags: '--cert <file>',
    variable: 'ENV_CLI_CERT',
    inContext: true,
    default: 'none',
    text: 'your certificate (PEM), which says who you are',
    problem: anyText,
  },
  key: {
    flags: '--key <file>',
    variable: 'ENV_CLI_KEY',
    inContext: true,
    default: 'none',
    text: 'the private key (PEM) of your certificate',
    problem: anyText,
  },
  namespace: {
    flags: '-n, --namespace <name>',
    variable: 'ENV_CLI_NAMESPACE',
    inContext: true,
    default: 'default',
    text: 'the namespace of every name',
    problem: anyText,
  },
  timeout: {
    flags: '--timeout <duration>',
    variable: 'ENV_CLI_TIMEOUT',
    inContext: true,
    default: '10s',
    text: 'the longest that a call may take',
    problem: (value) => ((durationMs(value) ?? 0) > 0 ? null : 'Write a number with its unit: 500ms, 1.5s, 2m, 1h'),
  },
  color: {
    flags: '--color <when>',
    variable: 'ENV_CLI_COLOR',
    inContext: true,
    default: 'auto',
    text: 'colours: auto (on a terminal, unless NO_COLOR is set), always, never',
    problem: (value) => (isColor(value) ? null : `Allowed choices are ${colorChoices.join(', ')}`),
  },
  pager: {
    flags: '--no-pager',
    variable: 'ENV_CLI_PAGER',
    inContext: true,
    default: '$PAGER, or less',
    text: 'never page; otherwise what is longer than the terminal goes through the pager',
    problem: () => null,
  },
  context: {
    flags: '--context <name>',
    variable: 'ENV_CLI_CONTEXT',
    inContext: false,
    default: "the one of 'context use'",
    text: 'where the options come from that neither a flag nor a variable gives',
    problem: anyText,
  },
} as const satisfies Readonly<Record<string, GlobalOption>>;

export type OptionName = keyof typeof globalOptions;

export const optionNames = Object.keys(globalOptions) as readonly OptionName[];

/** The options that a context may hold. */
export const contextOptionNames = optionNames.filter((name) => globalOptions[name].inContext);
