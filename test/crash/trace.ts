import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** What happened to the files under the recorded directory, in order. Paths are relative to it ('' is the directory itself). */
export type TraceRecord =
  | {
      readonly kind: 'open';
      readonly inode: number;
      readonly path: string;
      readonly created: boolean;
      readonly truncated: boolean;
      readonly directory: boolean;
    }
  | { readonly kind: 'write'; readonly inode: number; readonly offset: number; readonly data: Uint8Array }
  /** These bytes are on disk: they were written through a descriptor that was opened with O_DSYNC or O_SYNC. */
  | { readonly kind: 'settle'; readonly inode: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly inode: number; readonly length: number }
  | { readonly kind: 'allocate'; readonly inode: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'makeDirectory'; readonly inode: number; readonly path: string }
  /** A sync promises what was written before it began, and only once it has ended. `token` joins the two. */
  | { readonly kind: 'syncBegin'; readonly inode: number; readonly token: string }
  | { readonly kind: 'syncEnd'; readonly inode: number; readonly token: string; readonly failed: boolean }
  /** A line that the process wrote to its marks file: an acknowledgement, say. */
  | { readonly kind: 'mark'; readonly text: string }
  /** The file was mapped for writing: what is changed through the map is not recorded. Of ours, only LMDB's lock file is. */
  | { readonly kind: 'mapped'; readonly inode: number };

// As in recorder.c.
const magic = 0x31545243;
const headerBytes = 48;
const created = 1;
const directory = 2;
const durable = 4;
const truncated = 8;
const failed = 16;

/** Reads a trace that recorder.c wrote for `root` (an absolute path without symbolic links). A record that was cut short at the end, by a kill, is left out. */
export function readTrace(file: string, root: string): TraceRecord[] {
  const bytes = readFileSync(file);
  const records: TraceRecord[] = [];
  let at = 0;
  while (at + headerBytes <= bytes.length) {
    if (bytes.readUInt32LE(at) !== magic) throw new Error(`${file}: no record at byte ${at}`);
    const kind = bytes.readUInt32LE(at + 4);
    const inode = Number(bytes.readBigUInt64LE(at + 8));
    const a = Number(bytes.readBigInt64LE(at + 16));
    const b = Number(bytes.readBigInt64LE(at + 24));
    const flags = bytes.readUInt32LE(at + 32);
    const pathEnd = at + headerBytes + bytes.readUInt32LE(at + 36);
    const secondEnd = pathEnd + bytes.readUInt32LE(at + 40);
    const end = secondEnd + bytes.readUInt32LE(at + 44);
    if (end > bytes.length) break;
    const path = relative(root, bytes.toString('utf8', at + headerBytes, pathEnd) || root);
    const second = relative(root, bytes.toString('utf8', pathEnd, secondEnd) || root);
    const data = bytes.subarray(secondEnd, end);
    records.push(toRecord());
    // A crash may fall between: then it is a write like any other.
    if (kind === 2 && (flags & durable) !== 0) records.push({ kind: 'settle', inode, offset: a, length: data.length });
    at = end;

    function toRecord(): TraceRecord {
      switch (kind) {
        case 1:
          return {
            kind: 'open',
            inode,
            path,
            created: (flags & created) !== 0,
            truncated: (flags & truncated) !== 0,
            directory: (flags & directory) !== 0,
          };
        case 2:
          return { kind: 'write', inode, offset: a, data };
        case 3:
          return { kind: 'truncate', inode, length: a };
        case 4:
          return { kind: 'allocate', inode, offset: a, length: b };
        case 5:
          return { kind: 'rename', from: path, to: second };
        case 6:
          return { kind: 'unlink', path };
        case 7:
          return { kind: 'makeDirectory', inode, path };
        case 8:
          return { kind: 'syncBegin', inode, token: `${b}/${a}` };
        case 9:
          return { kind: 'syncEnd', inode, token: `${b}/${a}`, failed: (flags & failed) !== 0 };
        case 10:
          return { kind: 'mark', text: data.toString('utf8').trimEnd() };
        case 11:
          return { kind: 'mapped', inode };
        default:
          throw new Error(
            `${file}: a file was changed in a way that crash images do not know (record ${kind}, inode ${inode}, call ${a}, ${path})`,
          );
      }
    }
  }
  return records;
}
