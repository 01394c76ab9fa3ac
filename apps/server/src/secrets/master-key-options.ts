import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { masterKeyCommand, masterKeyFile, MasterKeyProblem, type MasterKeySource } from './master-key.ts';

/** Where the options say that the master key is; null: nowhere. Throws {@link StartRefused} when there is none to be had. */
export function masterKeySourceOf(options: OptionValues): MasterKeySource | null {
  const { 'security.master_key_file': file, 'security.master_key_command': command } = options;
  if (file === '' && command === '') return null;
  const source = file === '' ? masterKeyCommand(command) : masterKeyFile(file);
  try {
    source.keys();
  } catch (error) {
    throw keysRefused(error);
  }
  return source;
}

/** Why a member does not start, if that is what an error says. */
export function keysRefused(error: unknown): unknown {
  return error instanceof MasterKeyProblem ? new StartRefused('keys', error.message) : error;
}
