import { EnvCliError } from './error.ts';

/** The port of the API unless an address names one. */
const portDefault = 7371;

/**
 * Reads addresses of members: `host`, `host:port`, `[ipv6]:port`, separated by commas.
 *
 * Answers them as `host:port`, each once, in their order. Refuses what is none with INVALID_FIELD.
 */
export function parseAddresses(text: string | readonly string[]): readonly string[] {
  const parts = (typeof text === 'string' ? text.split(',') : text).map((part) => part.trim()).filter((part) => part !== '');
  if (parts.length === 0) throw refusal('no address of a member was given');
  return [...new Set(parts.map(parseAddress))];
}

function parseAddress(text: string): string {
  if (text.includes('://')) throw refusal(`'${text}' is not an address of a member: it has a scheme`);
  const match = /^(?<host>\[[0-9a-fA-F:.%]+\]|[^\s[\]:/@]+)(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.['host'];
  const port = Number(match?.groups?.['port'] ?? portDefault);
  if (host === undefined || port < 1 || port > 65_535) throw refusal(`'${text}' is not an address of a member`);
  return `${host}:${port}`;
}

function refusal(message: string): EnvCliError {
  return new EnvCliError({
    reason: 'INVALID_FIELD',
    message,
    next: "Write addresses as 'host:port', separated by commas, such as 'localhost:7371,localhost:7372'.",
  });
}
