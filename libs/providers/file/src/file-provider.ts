import { dirname } from 'node:path';

import type { MirrorDefinition, ObservedKey, ObservedTarget, Stamp, Step, StepResult, VariableRefusal } from '@env-cli/mirroring';
import {
  type CloudProvider,
  type ImportedVariable,
  type PartlyRendered,
  type PlainVariable,
  type ProviderContext,
  type ReadCalls,
  type RenderedKey,
  TargetError,
  type TargetLimits,
  type WriteCalls,
} from '@env-cli/outbox';
import { encodeUtf8, unreachable } from '@env-cli/support';

import { codeOf, type Disk, nodeDisk, type Standing } from './disk.ts';
import { type FileVariable, textOf } from './dotenv.ts';
import { targetErrorOf } from './failure.ts';
import { fileTargetOf } from './file-target.ts';
import { type FileFormat, fileFormats } from './format.ts';
import { Manifest, type ManifestEntry } from './manifest.ts';
import { nameProblem } from './names.ts';
import { Tree } from './tree.ts';

const limits: TargetLimits = {
  // A slow disk under load syncs in tenths of a second; a call is a handful of syncs.
  callMsMax: 3_000,
  callsPerSecond: 5_000,
  callsBurst: 1_000,
  // Node.js has four threads for files: a few more than that keep them busy, and more would only hold values.
  deliveriesMax: 16,
  perMember: true,
};

/** Files larger than this are not ours: an environment holds 2 MiB, and JSON writes a byte as six at most. */
const fileBytesMax = 16 * 1024 * 1024;

/** A keyed hash that no value has: what is there is no file that could be ours. */
const noValue = 'no-file-of-ours';

/**
 * Why a folder of this machine may be no target, for people; null: it may. The path is absolute, and no part of it that is there is a
 * symbolic link.
 */
export type FolderProblem = (path: string) => string | null;

/**
 * Opens the folder of a mirror. Throws {@link TargetError} (`refused`) when the definition names none. `problemOf` is asked before
 * each call, for a link on the way to the folder may lead elsewhere by then.
 */
export function openFileTarget(
  definition: Pick<MirrorDefinition, 'options' | 'layout'>,
  context: ProviderContext,
  problemOf: FolderProblem,
): CloudProvider {
  return fileProviderOn(nodeDisk, definition, context, problemOf);
}

/** The same on another disk. */
export function fileProviderOn(
  disk: Disk,
  definition: Pick<MirrorDefinition, 'options' | 'layout'>,
  context: ProviderContext,
  problemOf: FolderProblem = () => null,
): CloudProvider {
  const { directory, format } = fileTargetOf(definition);
  return new FileProvider(directory, fileFormats[format], disk, context, problemOf);
}

/** Why the folder of a definition may be no target as this machine has it now; null: it may, or it cannot be known. */
export async function problemOfFileTarget(
  definition: Pick<MirrorDefinition, 'options' | 'layout'>,
  problemOf: FolderProblem,
): Promise<string | null> {
  try {
    return problemOf(await nodeDisk.realPath(fileTargetOf(definition).directory));
  } catch (error) {
    // A folder that this member may not look into may be well on the member that is to write there.
    if (codeOf(error) !== '') return null;
    throw error;
  }
}

/**
 * A folder of files, one for each environment. A file is written in this order, each step durable before the next: the stamp of
 * what is about to be written; the new file under a temporary name; its new name; the word that it has landed. So whatever
 * a crash leaves is known as ours by its value, or is not ours.
 */
class FileProvider implements CloudProvider {
  readonly limits = limits;
  readonly #format: FileFormat;
  readonly #disk: Disk;
  readonly #context: ProviderContext;
  readonly #tree: Tree;
  readonly #manifest: Manifest;
  readonly #directory: string;
  readonly #problemOf: FolderProblem;
  #tidied = false;

  constructor(directory: string, format: FileFormat, disk: Disk, context: ProviderContext, problemOf: FolderProblem) {
    this.#directory = directory;
    this.#problemOf = problemOf;
    this.#format = format;
    this.#disk = disk;
    this.#context = context;
    this.#tree = new Tree(directory, disk);
    this.#manifest = new Manifest(this.#tree, disk);
  }

  render(environment: string, variables: readonly PlainVariable[]): readonly RenderedKey[] {
    const key = `${environment}${this.#format.extension}`;
    const texts = variables
      .map(({ name, value }) => ({ name, value: textOf(value) }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const names = texts.map(({ name }) => name);
    const problem = nameProblem(environment, this.#format.extension);
    if (problem !== null) return [{ key, variables: names, content: { kind: 'refused', reason: problem, refusals: [] } }];
    const refusals = texts.flatMap(({ name, value }) => {
      const reason = value === null ? 'the value is no UTF-8 text' : this.#format.problem({ name, value });
      return reason === null ? [] : [{ variable: name, reason }];
    });
    if (refusals.length > 0) {
      const reason = 'the file is left as it is, because a variable cannot be written to it';
      const refused = new Set(refusals.map(({ variable }) => variable));
      const others = texts.flatMap(({ name, value }) => (value === null || refused.has(name) ? [] : [{ name, value }]));
      const asFarAsPossible = (calls: ReadCalls) => this.#asFarAsPossible(environment, key, { others, refusals }, calls);
      return [{ key, variables: names, content: { kind: 'refused', reason, refusals, asFarAsPossible } }];
    }
    const writable = texts.map(({ name, value }) => ({ name, value: value ?? '' }));
    return [{ key, variables: names, content: { kind: 'value', bytes: this.#format.bytes(environment, writable) } }];
  }

  read(environment: string, keys: readonly string[], calls: ReadCalls): Promise<ObservedTarget> {
    return calls.read(async () => {
      // A mirror whose format was changed has stamps on files of the other one.
      const ours = Object.values(fileFormats).map(({ extension }) => `${environment}${extension}`);
      const observed: ObservedKey[] = [];
      for (const file of new Set([...keys, ...ours])) {
        const key = await this.#failing(`reading ${this.#tree.pathOf(file)}`, () => this.#observe(file));
        if (key !== null && (keys.includes(file) || key.stamps.length > 0)) observed.push(key);
      }
      return { keys: observed };
    });
  }

  /** The file with what it can hold, and what it held of the rest. */
  async #asFarAsPossible(
    environment: string,
    file: string,
    { others, refusals }: { readonly others: readonly FileVariable[]; readonly refusals: readonly VariableRefusal[] },
    calls: ReadCalls,
  ): Promise<PartlyRendered> {
    const doing = `reading ${this.#tree.pathOf(file)}`;
    const before = await calls.read(() => this.#failing(doing, () => this.#ownValues(environment, file)));
    const kept = refusals.flatMap(({ variable: name }) => {
      const value = before.get(name);
      return value === undefined ? [] : [{ name, value }];
    });
    const variables = [...others, ...kept].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const lacking = refusals.map(({ variable }) => variable);
    return {
      bytes: this.#format.bytes(environment, variables, lacking),
      reason: 'the file is current but for what it cannot hold',
      refusals: refusals.map(({ variable, reason }) => ({
        variable,
        reason: `${reason}; the file ${before.has(variable) ? 'keeps the value that it had' : 'does not hold the variable'}`,
      })),
    };
  }

  /** What a file of this mirror says that is as the mirror left it; nothing where it is not: what others wrote there is not ours to hand on. */
  async #ownValues(environment: string, file: string): Promise<ReadonlyMap<string, string>> {
    const entry = await this.#manifest.read(file);
    const found = (await this.#tree.reaches(file)) ? await this.#disk.read(this.#tree.pathOf(file), fileBytesMax) : null;
    const none = new Map<string, string>();
    if (entry === null || found === null || found.bytes === null) return none;
    const hash = this.#context.hash(found.bytes);
    const { clusterId, mirror } = this.#context.owner;
    const isOurs = entry.stamps.some(
      (stamp) =>
        stamp.clusterId === clusterId && stamp.mirror === mirror && stamp.environment === environment && stamp.valueHash === hash,
    );
    const text = isOurs ? textOf(found.bytes) : null;
    const values = text === null ? null : this.#format.read(text);
    return values === null ? none : new Map(Object.entries(values));
  }

  async apply(steps: readonly Step[], calls: WriteCalls): Promise<readonly StepResult[]> {
    const results: StepResult[] = [];
    for (const step of steps) {
      try {
        const doing = `${step.kind === 'delete' ? 'removing' : 'writing'} ${this.#tree.pathOf(step.key)}`;
        const version = await calls.write((signal) => this.#failing(doing, () => this.#carryOut(step, signal)));
        results.push({ key: step.key, failure: null, version });
      } catch (error) {
        if (!(error instanceof TargetError)) throw error;
        results.push({ key: step.key, failure: error.failure, version: '' });
      }
    }
    return results;
  }

  imported(
    key: string,
    found: ObservedKey,
    _variables: readonly string[],
    calls: ReadCalls,
  ): Promise<readonly ImportedVariable[] | null> {
    return calls.read(() =>
      this.#failing(`reading ${this.#tree.pathOf(key)}`, async () => {
        const file = await this.#disk.read(this.#tree.pathOf(key), fileBytesMax);
        if ((file?.standing.version ?? '') !== found.version) throw changedMeanwhile(key);
        const text = file?.bytes == null ? null : textOf(file.bytes);
        const variables = text === null ? null : this.#format.read(text);
        return variables === null ? null : Object.entries(variables).map(([name, value]) => ({ name, value: encodeUtf8(value) }));
      }),
    );
  }

  async countOwned(calls: ReadCalls): Promise<number> {
    // Entries of other mirrors count too: the folder is refused to a second mirror of this cluster, and they are left ones.
    return (await calls.read(() => this.#failing('reading the manifest', () => this.#manifest.files()))).length;
  }

  async *ownedEnvironments(calls: ReadCalls): AsyncGenerator<string> {
    const files = await calls.read(() =>
      this.#failing('reading the manifest', async () => {
        // Not a change of the target, but the only look that comes without one: what a crash left may hold values.
        await this.#manifest.removeTemporaries();
        return this.#manifest.files();
      }),
    );
    const extension = /\.(env|json)$/;
    yield* new Set(files.filter((file) => extension.test(file)).map((file) => file.replace(extension, '')));
  }

  async close(): Promise<void> {}

  async #failing<T>(doing: string, call: () => Promise<T>): Promise<T> {
    try {
      const problem = this.#problemOf(await this.#disk.realPath(this.#directory));
      if (problem !== null) throw new TargetError('refused', problem);
      return await call();
    } catch (error) {
      throw targetErrorOf(error, doing);
    }
  }

  async #observe(file: string): Promise<ObservedKey | null> {
    const entry = await this.#manifest.read(file);
    const found = (await this.#tree.reaches(file)) ? await this.#disk.read(this.#tree.pathOf(file), fileBytesMax) : null;
    const head = { key: file, landed: entry?.landed ?? false, version: found?.standing.version ?? '' };
    const stamps = entry?.stamps ?? [];
    if (found === null) return entry === null ? null : { ...head, stamps, valueHash: null };
    // A link or a folder is nobody's value; whoever put it there in the place of our file keeps it.
    if (found.standing.kind !== 'file') return { ...head, stamps: [], valueHash: noValue };
    return { ...head, stamps, valueHash: found.bytes === null ? noValue : this.#context.hash(found.bytes) };
  }

  /** Answers the version of what is there afterwards. */
  async #carryOut(step: Step, signal: AbortSignal): Promise<string> {
    const file = step.key;
    await this.#tidy();
    const entry = await this.#manifest.read(file);
    if (!isAsFound(entry, step.found)) throw changedMeanwhile(file);
    switch (step.kind) {
      case 'write':
        return this.#write(step, entry, signal);
      case 'mark':
        await this.#mustStand(file, step.found);
        await this.#manifest.write(file, { landed: true, stamps: [...(entry?.stamps ?? []), step.stamp] });
        return step.found.version;
      case 'delete':
        await this.#delete(step, entry);
        return '';
      default:
        return unreachable(step);
    }
  }

  async #write(step: Extract<Step, { kind: 'write' }>, entry: ManifestEntry | null, signal: AbortSignal): Promise<string> {
    const file = step.key;
    const path = this.#tree.pathOf(file);
    const landed = entry?.landed ?? false;
    const stamps: readonly Stamp[] = [...(entry?.stamps ?? []), step.stamp];
    await this.#tree.makeFoldersOf(file);
    await this.#manifest.write(file, { landed, stamps });
    const temporary = await this.#manifest.temporary(step.bytes);
    try {
      const standing = await this.#mustStand(file, step.found);
      if (signal.aborted) throw new TargetError('timed-out', `writing ${path} took too long`);
      if (standing === null) await this.#place(temporary, path);
      else await this.#disk.rename(temporary, path);
    } catch (error) {
      await this.#disk.unlink(temporary).catch(() => {});
      throw error;
    }
    await this.#disk.syncFolder(dirname(path));
    if (!landed) await this.#manifest.write(file, { landed: true, stamps });
    return (await this.#disk.look(path))?.version ?? '';
  }

  /** Gives a file its name where nothing is. A rename would replace what somebody put there since we looked. */
  async #place(temporary: string, path: string): Promise<void> {
    try {
      await this.#disk.link(temporary, path);
    } catch (error) {
      // Some file systems (exFAT, some shared folders of virtual machines) have no second names.
      if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
      return this.#disk.rename(temporary, path);
    }
    await this.#disk.unlink(temporary);
  }

  async #delete(step: Extract<Step, { kind: 'delete' }>, entry: ManifestEntry | null): Promise<void> {
    const file = step.key;
    if (step.found.valueHash !== null) {
      const path = this.#tree.pathOf(file);
      await this.#mustStand(file, step.found);
      // Between the removal and the end of the entry somebody else may put a file there: it must not pass for ours.
      await this.#manifest.write(file, { landed: false, stamps: entry?.stamps ?? [] });
      await this.#mustStand(file, step.found);
      await this.#disk.unlink(path);
      await this.#disk.syncFolder(dirname(path));
    }
    await this.#manifest.remove(file);
    await this.#tree.removeFoldersOf(file);
  }

  /** Looks whether what was found is still there, and nothing else. */
  async #mustStand(file: string, found: ObservedKey | null): Promise<Standing | null> {
    const standing = await this.#disk.look(this.#tree.pathOf(file));
    if ((standing?.version ?? '') !== (found?.version ?? '')) throw changedMeanwhile(file);
    return standing;
  }

  /** Once in the life of the provider, before the first change. */
  async #tidy(): Promise<void> {
    if (this.#tidied) return;
    await this.#tree.makeRoot();
    await this.#manifest.removeTemporaries();
    this.#tidied = true;
  }
}

function isAsFound(entry: ManifestEntry | null, found: ObservedKey | null): boolean {
  return (
    JSON.stringify(entry?.stamps ?? []) === JSON.stringify(found?.stamps ?? []) &&
    (entry?.landed ?? false) === (found?.landed ?? false)
  );
}

function changedMeanwhile(file: string): TargetError {
  return new TargetError('conflict', `${file} was changed after it was read`);
}
