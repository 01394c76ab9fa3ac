import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Random } from './random.ts';
import type { TraceRecord } from './trace.ts';

/** What a directory holds after a crash: its directories (parents first) and its files, by path relative to it. */
export interface Image {
  readonly directories: readonly string[];
  readonly files: Map<string, Uint8Array>;
}

/** Makes the image a directory, which must not exist yet. */
export function writeImage(image: Image, directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of image.directories) mkdirSync(join(directory, path), { mode: 0o700 });
  for (const [path, bytes] of image.files) writeFileSync(join(directory, path), bytes, { mode: 0o600 });
}

/** Reads a directory as it is. */
export function readImage(directory: string): Image {
  const directories: string[] = [];
  const files = new Map<string, Uint8Array>();
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(directory, path), { withFileTypes: true })) {
      const inside = join(path, entry.name);
      if (entry.isDirectory()) {
        directories.push(inside);
        visit(inside);
      } else if (entry.isFile()) files.set(inside, readFileSync(join(directory, inside)));
    }
  };
  visit('');
  return { directories, files };
}

/**
 * The size of what a disk writes as one, or tears: LMDB's data goes page by page and is torn at its sectors; of everything
 * else each sector is on its own and is torn at any byte.
 */
function unitOf(path: string): { readonly bytes: number; readonly tornAtBytes: number } {
  return path.endsWith('.mdb') ? { bytes: 4096, tornAtBytes: 512 } : { bytes: 512, tornAtBytes: 1 };
}

type Change =
  | { readonly order: number; readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly order: number; readonly kind: 'size'; readonly length: number };

/** How much of what was not synced a crash leaves behind. */
interface Severity {
  /** Changes that came later than this are lost, all before are there; null: each unit is on its own. */
  readonly lostFrom: number | null;
  /** The chance that a unit, or a change of a directory, is as new as can be. */
  readonly newest: number;
  /** The chance that a unit is partly of one version and partly of another. */
  readonly torn: number;
}

class FileBytes {
  /** What a crash cannot take away. */
  #durable = new Uint8Array(0);
  #durableBytes = 0;
  #pending: Change[] = [];

  constructor(durable: Uint8Array) {
    this.#durable = new Uint8Array(durable);
    this.#durableBytes = durable.length;
  }

  change(change: Change): void {
    this.#pending.push(change);
  }

  /** Everything that came before `order` is on disk. */
  settle(order: number): void {
    const rest: Change[] = [];
    for (const change of this.#pending) {
      if (change.order >= order) rest.push(change);
      else if (change.kind === 'write') {
        this.#fit(change.offset + change.data.length);
        this.#durable.set(change.data, change.offset);
      } else {
        if (change.length < this.#durableBytes) this.#durable.fill(0, change.length, this.#durableBytes);
        else this.#fit(change.length);
        this.#durableBytes = change.length;
      }
    }
    this.#pending = rest;
  }

  /** What was written so far to the bytes from `from` up to `to` went to disk with a synchronous write of them. */
  settleRange(from: number, to: number): void {
    const rest: Change[] = [];
    for (const change of this.#pending) {
      const begin = change.kind === 'write' ? Math.max(change.offset, from) : 0;
      const end = change.kind === 'write' ? Math.min(change.offset + change.data.length, to) : 0;
      if (change.kind !== 'write' || begin >= end) {
        rest.push(change);
        continue;
      }
      this.#fit(end);
      this.#durable.set(change.data.subarray(begin - change.offset, end - change.offset), begin);
      const { offset, data } = change;
      if (offset < begin) rest.push({ ...change, data: data.subarray(0, begin - offset) });
      if (end < offset + data.length) rest.push({ ...change, offset: end, data: data.subarray(end - offset) });
    }
    this.#pending = rest;
  }

  /** As a process sees the file, whatever is on disk. */
  current(): Uint8Array {
    const copy = new FileBytes(this.#durable.subarray(0, this.#durableBytes));
    copy.#pending = this.#pending;
    copy.settle(Infinity);
    return copy.#durable.slice(0, copy.#durableBytes);
  }

  crash(path: string, random: Random, severity: Severity): Uint8Array {
    const sizes = [this.#durableBytes];
    for (const change of this.#pending) {
      const before = sizes.at(-1) ?? 0;
      sizes.push(change.kind === 'size' ? change.length : Math.max(before, change.offset + change.data.length));
    }
    const { lostFrom } = severity;
    const kept = lostFrom === null ? this.#pending : this.#pending.filter((change) => change.order < lostFrom);
    if (lostFrom !== null) return this.#upTo(kept, Math.max(...sizes)).subarray(0, sizes[kept.length]);

    const unit = unitOf(path);
    const bytes = new Uint8Array(Math.max(...sizes));
    bytes.set(this.#durable.subarray(0, this.#durableBytes));
    for (const [at, changes] of this.#byUnit(unit.bytes, bytes.length)) {
      const end = Math.min(at + unit.bytes, bytes.length);
      const one = chosenVersion(changes.length, random, severity);
      const other = random.chance(severity.torn) ? random.below(changes.length + 1) : one;
      if (one === other) apply(bytes, changes.slice(0, one), at, end);
      else if (unit.tornAtBytes === 1) {
        const edge = at + random.below(end - at + 1);
        apply(bytes, changes.slice(0, one), at, edge);
        apply(bytes, changes.slice(0, other), edge, end);
      } else {
        for (let sector = at; sector < end; sector += unit.tornAtBytes) {
          apply(bytes, changes.slice(0, random.chance(0.5) ? one : other), sector, Math.min(sector + unit.tornAtBytes, end));
        }
      }
    }
    const size = random.chance(severity.newest) ? sizes.at(-1) : sizes[random.below(sizes.length)];
    return bytes.subarray(0, size);
  }

  #upTo(changes: readonly Change[], capacityBytes: number): Uint8Array {
    const bytes = new Uint8Array(capacityBytes);
    bytes.set(this.#durable.subarray(0, this.#durableBytes));
    apply(bytes, changes, 0, capacityBytes);
    return bytes;
  }

  /** For each unit that was changed since it was last safe, where it begins and what changed it, in order. */
  #byUnit(unitBytes: number, fileBytes: number): Map<number, Change[]> {
    const units = new Map<number, Change[]>();
    for (const change of this.#pending) {
      const from = change.kind === 'write' ? change.offset : change.length;
      const to = change.kind === 'write' ? change.offset + change.data.length : fileBytes;
      for (let at = from - (from % unitBytes); at < to; at += unitBytes) {
        const changes = units.get(at);
        if (changes === undefined) units.set(at, [change]);
        else changes.push(change);
      }
    }
    return units;
  }

  #fit(bytes: number): void {
    if (bytes > this.#durable.length) {
      const grown = new Uint8Array(Math.max(bytes, this.#durable.length * 2));
      grown.set(this.#durable.subarray(0, this.#durableBytes));
      this.#durable = grown;
    }
    this.#durableBytes = Math.max(this.#durableBytes, bytes);
  }
}

/** How many of the changes of a unit reached the disk: mostly all or none, sometimes a version between. */
function chosenVersion(changes: number, random: Random, severity: Severity): number {
  if (random.chance(severity.newest)) return changes;
  return random.chance(0.8) ? 0 : random.below(changes);
}

/** Carries out changes on the bytes from `from` up to `to` alone. */
function apply(bytes: Uint8Array, changes: readonly Change[], from: number, to: number): void {
  for (const change of changes) {
    if (change.kind === 'size') {
      // What is cut off is zero when the file grows again; growing itself changes no byte.
      bytes.fill(0, Math.max(change.length, from), Math.max(to, change.length, from));
      continue;
    }
    const begin = Math.max(change.offset, from);
    const end = Math.min(change.offset + change.data.length, to);
    if (begin < end) bytes.set(change.data.subarray(begin - change.offset, end - change.offset), begin);
  }
}

type Node = FileBytes | Names;

interface NamesChange {
  readonly order: number;
  readonly set: readonly (readonly [string, Node])[];
  readonly gone: readonly string[];
}

/** A directory. Its changes are on disk once it was itself synced; until then each of them may or may not have happened. */
class Names {
  readonly now = new Map<string, Node>();
  readonly #durable = new Map<string, Node>();
  #pending: NamesChange[] = [];

  change(change: NamesChange): void {
    carryOut(this.now, change);
    this.#pending.push(change);
  }

  settle(order: number): void {
    for (const change of this.#pending) if (change.order < order) carryOut(this.#durable, change);
    this.#pending = this.#pending.filter((change) => change.order >= order);
  }

  crash(random: Random, severity: Severity): Map<string, Node> {
    const names = new Map(this.#durable);
    for (const change of this.#pending) {
      const happened = severity.lostFrom === null ? random.chance(severity.newest) : change.order < severity.lostFrom;
      if (happened) carryOut(names, change);
    }
    return names;
  }
}

function carryOut(names: Map<string, Node>, change: NamesChange): void {
  for (const name of change.gone) names.delete(name);
  for (const [name, node] of change.set) names.set(name, node);
}

/**
 * A disk that a trace is played to, and that can crash at any point of it.
 *
 * What was synced stays. Of everything else, each unit (4 KiB page of LMDB, 512-byte sector of the rest) is as it was, as it
 * became, or torn; sizes likewise; and each creation, rename and removal in a directory that was not synced since has
 * happened or not. How much is lost differs from image to image, since one page in two lost would never show what one in
 * fifty does.
 */
export class Disk {
  readonly #root = new Names();
  readonly #byInode = new Map<number, Node>();
  readonly #begun = new Map<string, number>();
  #order = 0;

  /** A disk that holds the image, all of it synced. Without one it is empty. */
  constructor(base?: Image) {
    for (const path of base?.directories ?? [])
      this.#parentOf(path).change({ order: 0, set: [[basename(path), new Names()]], gone: [] });
    for (const [path, bytes] of base?.files ?? [])
      this.#parentOf(path).change({ order: 0, set: [[basename(path), new FileBytes(bytes)]], gone: [] });
    const settle = (names: Names): void => {
      names.settle(1);
      for (const node of names.now.values()) if (node instanceof Names) settle(node);
    };
    settle(this.#root);
  }

  play(record: TraceRecord): void {
    const order = ++this.#order;
    switch (record.kind) {
      case 'open':
        if (record.created) {
          const file = new FileBytes(new Uint8Array(0));
          this.#byInode.set(record.inode, file);
          this.#parentOf(record.path).change({ order, set: [[basename(record.path), file]], gone: [] });
        } else {
          const node = this.#at(record.path);
          this.#byInode.set(record.inode, node);
          if (record.truncated && node instanceof FileBytes) node.change({ order, kind: 'size', length: 0 });
        }
        return;
      case 'write':
        this.#file(record.inode).change({ order, kind: 'write', offset: record.offset, data: record.data });
        return;
      case 'settle':
        this.#file(record.inode).settleRange(record.offset, record.offset + record.length);
        return;
      case 'truncate':
        this.#file(record.inode).change({ order, kind: 'size', length: record.length });
        return;
      case 'allocate': {
        const file = this.#file(record.inode);
        const length = Math.max(file.current().length, record.offset + record.length);
        file.change({ order, kind: 'size', length });
        return;
      }
      case 'rename': {
        const node = this.#at(record.from);
        const [from, to] = [this.#parentOf(record.from), this.#parentOf(record.to)];
        if (from === to) from.change({ order, set: [[basename(record.to), node]], gone: [basename(record.from)] });
        else {
          to.change({ order, set: [[basename(record.to), node]], gone: [] });
          from.change({ order, set: [], gone: [basename(record.from)] });
        }
        return;
      }
      case 'unlink':
        this.#parentOf(record.path).change({ order, set: [], gone: [basename(record.path)] });
        return;
      case 'makeDirectory': {
        const names = new Names();
        this.#byInode.set(record.inode, names);
        this.#parentOf(record.path).change({ order, set: [[basename(record.path), names]], gone: [] });
        return;
      }
      case 'syncBegin':
        this.#begun.set(record.token, order);
        return;
      case 'syncEnd': {
        const begun = this.#begun.get(record.token);
        this.#begun.delete(record.token);
        if (begun !== undefined && !record.failed) this.#byInode.get(record.inode)?.settle(begun);
        return;
      }
      case 'mapped':
      case 'mark':
        return;
    }
  }

  /** The directory as the running process sees it. */
  current(): Image {
    return collect(
      this.#root,
      (names) => names.now,
      (_path, file) => file.current(),
    );
  }

  /**
   * What a power loss now leaves, of the whole or of one directory in it. Another seed leaves something else. The disk itself
   * goes on as if nothing had happened.
   */
  crash(random: Random, directory = ''): Image {
    const severity: Severity = {
      // Loses the last few records, or everything since some point, in order: what a disk without a volatile cache does.
      lostFrom: random.chance(0.15) ? this.#order + 1 - Math.floor(random.next() ** 2 * 200) : null,
      newest: random.pick([0, 0.05, 0.3, 0.5, 0.7, 0.95, 1]),
      torn: random.pick([0, 0.1, 0.5]),
    };
    const root = this.#at(directory);
    if (!(root instanceof Names)) throw new Error(`${directory} is no directory`);
    return collect(
      root,
      (names) => names.crash(random, severity),
      (path, file) => file.crash(path, random, severity),
    );
  }

  #at(path: string): Node {
    let node: Node = this.#root;
    for (const name of path === '' ? [] : path.split('/')) {
      const next: Node | undefined = node instanceof Names ? node.now.get(name) : undefined;
      if (next === undefined) throw new Error(`the trace names ${path}, which is not there`);
      node = next;
    }
    return node;
  }

  #parentOf(path: string): Names {
    const parent = dirname(path);
    const node = this.#at(parent === '.' ? '' : parent);
    if (!(node instanceof Names)) throw new Error(`the trace takes ${parent} for a directory`);
    return node;
  }

  #file(inode: number): FileBytes {
    const node = this.#byInode.get(inode);
    if (!(node instanceof FileBytes)) throw new Error(`the trace writes to inode ${inode}, which it did not open`);
    return node;
  }
}

function collect(
  root: Names,
  namesOf: (names: Names) => Map<string, Node>,
  bytesOf: (path: string, file: FileBytes) => Uint8Array,
): Image {
  const directories: string[] = [];
  const files = new Map<string, Uint8Array>();
  const visit = (names: Names, path: string): void => {
    for (const [name, node] of namesOf(names)) {
      const inside = join(path, name);
      if (node instanceof Names) {
        directories.push(inside);
        visit(node, inside);
      } else files.set(inside, bytesOf(inside, node));
    }
  };
  visit(root, '');
  return { directories, files };
}
