import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { FunctionTime } from './cpu-profile.ts';

const maps = new Map<string, SourceMap | null>();

/** Where a function stands, as `path:line`, from the root of the repository: in our sources, by the maps that the compiler wrote. Empty for native code. */
export function sourcePlace({ url, line, column }: FunctionTime): string {
  if (!url.startsWith('file:')) return url;
  const place = mapOf(url)?.findEntry(line, column);
  if (place !== undefined && 'originalSource' in place)
    return `${relative(process.cwd(), fileURLToPath(new URL(place.originalSource, url)))}:${place.originalLine + 1}`;
  return `${relative(process.cwd(), fileURLToPath(url))}:${line + 1}`;
}

/** What a place belongs to: one of our folders, a package, or Node itself. */
export function ownerOf(place: string): string {
  if (place === '') return 'native';
  if (place.startsWith('node:')) return 'node';
  const [, pack] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(place) ?? [];
  return pack ?? (/^(?:libs\/providers|libs|apps)\/[^/]+/.exec(place)?.[0] || place);
}

function mapOf(url: string): SourceMap | null {
  const known = maps.get(url);
  if (known !== undefined) return known;
  let map: SourceMap | null = null;
  try {
    map = new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    // A package without maps: its own lines are told.
  }
  maps.set(url, map);
  return map;
}
