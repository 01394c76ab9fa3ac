import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const folder = new URL('./builds/', import.meta.url);
const ending = '.json.br';
/** Bytes of a build, unpacked: far above what one has. */
const unpackedBytesMax = 64 * 1024 * 1024;

/** A build of an earlier state of the project, as `npm run pack:build` made it. */
export interface PackedBuild {
  readonly format: 1;
  /** `level-1-fff30fe`. */
  readonly name: string;
  /** The commit that it was built from. */
  readonly commit: string;
  /** The version that it says of itself. */
  readonly version: string;
  /** Texts by their path. */
  readonly files: Readonly<Record<string, string>>;
}

/** The builds that are kept, oldest first. */
export function packedBuilds(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .toSorted();
}

/** Reads a build that is kept. */
export function readBuild(name: string): PackedBuild {
  const bytes = brotliDecompressSync(readFileSync(new URL(`${name}${ending}`, folder)), { maxOutputLength: unpackedBytesMax });
  const build = JSON.parse(bytes.toString()) as PackedBuild;
  if (build.format !== 1) throw new Error(`the packed build ${name} is of another format: make it anew with npm run pack:build`);
  return build;
}

/** Unpacks a build into a folder, which is made. Answers the program of its server. */
export function unpackBuild(name: string, target: string): string {
  const { files } = readBuild(name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    writeFileSync(join(target, path), text);
  }
  // What is not in it (binaries, and packages that read files of their own) is the clone's.
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(target, 'node_modules'), 'junction');
  return join(target, 'dist', 'main.js');
}
