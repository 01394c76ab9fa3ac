import type { Member } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import type { FigureSource } from '../observability/metrics.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { Keyring } from './keyring.ts';
import { readKeyringHere } from './keyring-commands.ts';
import { keysRefused, masterKeySourceOf } from './master-key-options.ts';
import { Resealer } from './resealer.ts';
import { lockedSecrets, plainSecrets, type Secrets } from './secrets.ts';

/** The secrets of a member, and what looks after their keys. */
export interface OpenedSecrets extends FigureSource {
  readonly secrets: Secrets;
  /** Null where nothing is sealed. */
  readonly keyring: Keyring | null;
  stop(): void;
}

/**
 * Opens what the options say. Throws {@link StartRefused} where the cluster seals its secrets and this member lacks the key: it could neither
 * show nor take one, and nobody would notice before it leads.
 */
export async function openSecrets(member: Member, options: OptionValues, log: Log, signal: AbortSignal): Promise<OpenedSecrets> {
  const masterKeys = masterKeySourceOf(options);
  if (masterKeys === null) {
    if ((await readKeyringHere(member)) !== null) {
      throw new StartRefused(
        'keys',
        'this cluster seals its secrets, and no master key was given. Give --master-key-file or --master-key-command, as on the other members (docs/security.md)',
      );
    }
    const plain = options['security.plain_secrets'];
    if (plain) log.warn('secrets lie on the disks of this cluster as they are (--plain-secrets)');
    return {
      secrets: plain ? plainSecrets : lockedSecrets,
      keyring: null,
      stop: () => undefined,
      figures: () => Promise.resolve({}),
    };
  }
  try {
    const keyring = await Keyring.open(member, {
      masterKeys,
      dataKeyAgeMaxMs: options['security.data_key_age_max'],
      log,
      signal,
    });
    const resealer = new Resealer(member, keyring, { log });
    const stop = (): void => {
      resealer.stop();
      keyring.stop();
    };
    const figures = (): Promise<Record<string, number>> =>
      Promise.resolve({ ...keyring.figures(), secrets_resealed_total: resealer.resealed });
    return { secrets: keyring, keyring, stop, figures };
  } catch (error) {
    throw keysRefused(error);
  }
}
