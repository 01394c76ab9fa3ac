import { InvalidArgumentError } from 'commander';

/** An alarm as it is named in an argument. */
export interface GivenAlarm {
  readonly kind: (typeof kinds)[number];
  /** 0: nobody in particular. */
  readonly memberId: number;
}

// Not from the client, which is loaded only when a verb runs.
const kinds = ['state-diverged', 'state-disagreed', 'state-rotten', 'space-low'] as const;

/** Reads `KIND` or `KIND:MEMBER`, one more of those that were given before. */
export function alarm(text: string, before: readonly GivenAlarm[] = []): readonly GivenAlarm[] {
  const [kind, member, ...rest] = text.split(':');
  const known = kinds.find((one) => one === kind);
  const memberId = member === undefined ? 0 : /^[1-9]\d{0,9}$/.test(member) ? Number(member) : NaN;
  if (known === undefined || rest.length > 0 || !(memberId <= 0xffff_ffff)) {
    throw new InvalidArgumentError(`An alarm is ${kinds.join(', ')}, with the member behind a colon, as in state-rotten:3.`);
  }
  return [...before, { kind: known, memberId }];
}
