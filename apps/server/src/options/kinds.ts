import { z } from 'zod';

/** What the value of an option may be: how it is written, read and shown. */
export interface OptionKind<T> {
  /** What is allowed, as a phrase: `a duration such as 500ms, 5s, 1m30s`. */
  readonly allowed: string;
  /** Reads what a TOML file holds (its own types) or what a flag or variable says (a text). */
  readonly schema: z.ZodType<T>;
  /** The value as one would write it in TOML. */
  show(value: T): string;
}

const textOf = (value: unknown): unknown => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value);

function kind<T>(allowed: string, schema: z.ZodType<T>, show: (value: T) => string): OptionKind<T> {
  return { allowed, schema, show };
}

/** `true` or `false`. */
export const flag: OptionKind<boolean> = kind(
  'true or false',
  z.preprocess(textOf, z.enum(['true', 'false'])).transform((text) => text === 'true'),
  String,
);

/** A whole number of a range, both ends included. */
export function integer(lowest: number, highest: number): OptionKind<number> {
  return kind(
    `a whole number from ${lowest} to ${highest}`,
    z.preprocess(
      textOf,
      z
        .string()
        .regex(/^\d{1,16}$/)
        .transform(Number)
        .pipe(z.number().min(lowest).max(highest)),
    ),
    String,
  );
}

/** One of a few words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): OptionKind<Word> {
  return kind(`one of ${words.join(', ')}`, z.enum(words), (value) => JSON.stringify(value));
}

/** A folder or file of this machine. */
export const path: OptionKind<string> = kind('a path', z.string().min(1).max(4_096), (value) => JSON.stringify(value));

/** A file or folder of this machine, or the empty text for none. */
export const optionalPath: OptionKind<string> = kind('a path, or nothing', z.string().max(4_096), (value) =>
  JSON.stringify(value),
);

/** A text of a pattern, or the empty text for none. */
export function optionalText(pattern: RegExp, allowed: string): OptionKind<string> {
  return kind(
    `${allowed}, or nothing`,
    z.string().refine((text) => text === '' || pattern.test(text)),
    (value) => JSON.stringify(value),
  );
}

/** An address of this machine without a port. */
export const hostName: OptionKind<string> = kind('a host name or address', z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/), (value) =>
  JSON.stringify(value),
);

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time span, kept in milliseconds. */
export function duration(lowestMs: number, highestMs: number): OptionKind<number> {
  return kind(
    `a duration from ${showDuration(lowestMs)} to ${showDuration(highestMs)}, such as 500ms, 5s, 1m30s`,
    z
      .string()
      .regex(/^(\d{1,12}(ms|s|m|h|d))+$/)
      .transform((text) => {
        let totalMs = 0;
        for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
          totalMs += Number(amount) * unitsMs[unit as keyof typeof unitsMs];
        return totalMs;
      })
      .pipe(z.number().min(lowestMs).max(highestMs)),
    (value) => JSON.stringify(showDuration(value)),
  );
}

/** Milliseconds as the shortest text that reads back to them: `1m30s`. */
export function showDuration(valueMs: number): string {
  let rest = valueMs;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const amount = Math.floor(rest / unitsMs[unit]);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * unitsMs[unit];
  }
  return text === '' ? '0s' : text;
}

const unitsBytes = { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 } as const;

/** A size, kept in bytes. */
export function size(lowestBytes: number, highestBytes: number): OptionKind<number> {
  return kind(
    `a size from ${showSize(lowestBytes)} to ${showSize(highestBytes)}, such as 512KiB, 64MiB, 10GiB`,
    z
      .string()
      .regex(/^\d{1,15}(B|KiB|MiB|GiB|TiB)$/)
      .transform((text) => {
        const [, amount, unit] = /^(\d+)(\w+)$/.exec(text)!;
        return Number(amount) * unitsBytes[unit as keyof typeof unitsBytes];
      })
      .pipe(z.number().min(lowestBytes).max(highestBytes)),
    (value) => JSON.stringify(showSize(value)),
  );
}

/** Bytes in the largest unit that divides them: `64MiB`. */
export function showSize(valueBytes: number): string {
  for (const [unit, bytes] of Object.entries(unitsBytes)) {
    if (valueBytes >= bytes && valueBytes % bytes === 0) return `${valueBytes / bytes}${unit}`;
  }
  return `${valueBytes}B`;
}

/** Where to listen, or where others find this member. */
export interface Address {
  readonly host: string;
  /** 0: the system chooses one (for tests). */
  readonly port: number;
}

const addressPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/;

const addressSchema = z.string().transform((text, context): Address => {
  const [, ipv6, name, port] = addressPattern.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) {
    context.addIssue({ code: 'custom', message: 'not host:port' });
    return z.NEVER;
  }
  return { host: ipv6 ?? name!, port: Number(port) };
});

/** `host:port`. */
export const address: OptionKind<Address> = kind('host:port, such as 127.0.0.1:7371 or [::1]:7371', addressSchema, (value) =>
  JSON.stringify(showAddress(value)),
);

/** An address as it is written. */
export function showAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** `host:port`, or the empty text for "the same as". */
export const optionalAddress: OptionKind<Address | null> = kind(
  'host:port, or nothing',
  z.union([z.literal('').transform(() => null), addressSchema]),
  (value) => (value === null ? '""' : JSON.stringify(showAddress(value))),
);

/** A member that takes part in the bootstrap. */
export interface InitialMember {
  readonly memberId: number;
  readonly peerAddress: Address;
}

const memberSchema = z
  .string()
  .regex(/^\d{1,10}=./)
  .transform((text) => ({ memberId: Number(text.slice(0, text.indexOf('='))), peerAddress: text.slice(text.indexOf('=') + 1) }))
  .pipe(z.object({ memberId: z.number().min(1).max(0xffff_ffff), peerAddress: addressSchema }));

/** The members of a new cluster: a list in TOML, separated by commas elsewhere. */
export const initialMembers: OptionKind<readonly InitialMember[]> = kind(
  'a list of id=host:port, such as 1=10.0.0.1:7381,2=10.0.0.2:7381,3=10.0.0.3:7381',
  z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',').filter((part) => part !== '') : value),
    z
      .array(memberSchema)
      .max(7)
      .refine((members) => new Set(members.map(({ memberId }) => memberId)).size === members.length),
  ),
  (value) => JSON.stringify(value.map(({ memberId, peerAddress }) => `${memberId}=${showAddress(peerAddress)}`)),
);
