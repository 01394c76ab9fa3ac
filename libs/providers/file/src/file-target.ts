import { isAbsolute, normalize, sep } from 'node:path';

import type { MirrorDefinition } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';

import type { FileFormatName } from './format.ts';

/** Where a mirror to files writes, and how. */
export interface FileTarget {
  /** Absolute and normal (no `.`, no `..`, no `/` at the end), and not the root of the file system. */
  readonly directory: string;
  readonly format: FileFormatName;
}

/** The parts of a definition that say where a mirror to files writes. */
export type FileDefinition = Pick<MirrorDefinition, 'provider' | 'targetKey' | 'options' | 'layout'>;

/** The name of this provider in definitions. */
export const fileProviderName = 'file';

/** The definition's parts for a folder. Throws {@link TargetError} (`refused`) when it cannot be one. */
export function fileDefinition(directory: string, format: FileFormatName): FileDefinition {
  const path = folderOf(directory);
  return {
    provider: fileProviderName,
    targetKey: `${fileProviderName}${path}`,
    options: [
      { key: 'directory', value: path },
      { key: 'format', value: format },
    ],
    layout: 'blob',
  };
}

/** What a definition says. Throws {@link TargetError} (`refused`) when it says nothing that can be used. */
export function fileTargetOf({ options, layout }: Pick<MirrorDefinition, 'options' | 'layout'>): FileTarget {
  const valueOf = (key: string) => options.find((option) => option.key === key)?.value;
  const unknown = options.find(({ key }) => key !== 'directory' && key !== 'format');
  if (unknown !== undefined) throw refused(`a mirror to files has no option ${unknown.key}: it has directory and format`);
  if (layout !== 'blob') throw refused('a mirror to files writes one file an environment: its layout is blob');
  const format = valueOf('format') ?? 'dotenv';
  if (format !== 'dotenv' && format !== 'json') throw refused(`a mirror to files writes dotenv or json, not ${format}`);
  return { directory: folderOf(valueOf('directory') ?? ''), format };
}

function folderOf(directory: string): string {
  if (directory === '') throw refused('a mirror to files needs the option directory');
  if (directory.includes('\0')) throw refused('the directory holds a zero byte');
  if (!isAbsolute(directory)) throw refused(`the directory ${directory} is not absolute: members may be started anywhere`);
  const path = normalize(directory).replace(/(?<=.)\/+$/, '');
  if (path === sep) throw refused('the directory is the root of the file system: give it a folder of its own');
  return path;
}

function refused(message: string): TargetError {
  return new TargetError('refused', message);
}
