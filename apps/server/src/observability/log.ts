import { type DestinationStream, type Logger, pino } from 'pino';

/** Where a member tells what happens to it. Whoever logs names facts; no field ever holds the value of a variable. */
export type Log = Logger;

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly format: 'json' | 'text';
  readonly memberId: number;
  /** Takes finished lines. Written at once, so that the last words of a member that dies are there. */
  readonly write: (line: string) => void;
}

/** A log in which every line says when, how severe and which member. */
export function makeLog({ level, format, memberId, write }: LogOptions): Log {
  const destination: DestinationStream = { write: format === 'json' ? write : (line) => write(textOf(line)) };
  return pino(
    {
      level,
      base: { member: memberId },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

const notShown = new Set(['time', 'level', 'member', 'msg']);

/** A line for people: `07:31:05.120 info  it listens address=127.0.0.1:7371`. */
function textOf(line: string): string {
  const fields = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(fields)
    .filter(([name]) => !notShown.has(name))
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const time = String(fields['time']).slice(11, 23);
  return `${time} ${String(fields['level']).padEnd(5)} ${String(fields['msg'])}${facts.join('')}\n`;
}
