import { unreachable } from '@env-cli/support';
import { Consistency as WireConsistency } from '@env-cli/wire';

import { wireTypes } from './environment.ts';
import { EnvCliError } from './error.ts';
import type { Condition, Operation, Updates, VariableUpdate } from './operation.ts';
import { type AwaitMirrors, wireViews, type Consistency, type View } from './options.ts';
import { ProtoWriter } from './proto-writer.ts';
import { naturalOf } from './revision.ts';

/** A read's options as they are sent. */
export interface SentReadOptions {
  readonly consistency: Consistency;
  /** Given or kept; empty: none. */
  readonly token: string;
  readonly revision: number;
  readonly view: View;
}

const wireConsistencies = {
  strong: WireConsistency.STRONG,
  'read-your-writes': WireConsistency.READ_YOUR_WRITES,
  eventual: WireConsistency.EVENTUAL,
} as const satisfies Record<string, WireConsistency>;

/** Field numbers are those of the messages in proto/envcli/v1; a test compares what is written with what generated code reads. */
const writer = new ProtoWriter();

/** Writes one message, and leaves nothing behind when a field of it is refused. */
function message(write: () => void): Uint8Array {
  try {
    write();
    return writer.take();
  } catch (error) {
    writer.clear();
    throw error;
  }
}

/** `envcli.v1.ReadOptions`, alone. */
export function encodeReadOptions(options: SentReadOptions): Uint8Array {
  return message(() => readOptions(options));
}

/** `envcli.v1.GetRequest`. */
export function encodeGet(namespace: string, name: string, options: SentReadOptions, variables: readonly string[]): Uint8Array {
  return message(() => {
    writer.text(1, namespace);
    writer.text(2, name);
    const start = writer.begin(3);
    readOptions(options);
    writer.end(start);
    for (const variable of variables) writer.presentText(4, variable);
  });
}

/** `envcli.v1.BatchGetRequest`. */
export function encodeBatchGet(namespace: string, names: readonly string[], options: SentReadOptions): Uint8Array {
  return message(() => {
    writer.text(1, namespace);
    for (const name of names) writer.presentText(2, name);
    const start = writer.begin(3);
    readOptions(options);
    writer.end(start);
  });
}

/** `envcli.v1.WriteRequest`, without its session. */
export function encodeWrite(
  namespace: string,
  write: { readonly operations: readonly Operation[]; readonly conditions?: readonly Condition[] },
  reason: string,
  awaited?: AwaitMirrors,
): Uint8Array {
  return message(() => {
    writer.text(1, namespace);
    for (const each of write.operations) {
      const start = writer.begin(2);
      operation(each);
      writer.end(start);
    }
    for (const each of write.conditions ?? []) {
      const start = writer.begin(3);
      condition(each);
      writer.end(start);
    }
    writer.text(5, reason);
    if (awaited !== undefined) awaitMirrors(awaited);
  });
}

function awaitMirrors({ names = [], timeoutMs }: AwaitMirrors): void {
  const start = writer.begin(6);
  for (const name of names) writer.presentText(1, name);
  if (timeoutMs !== undefined) {
    const wait = writer.begin(2);
    duration(timeoutMs, 'awaitMirrors.timeoutMs');
    writer.end(wait);
  }
  writer.end(start);
}

function readOptions({ consistency, token, revision, view }: SentReadOptions): void {
  if (typeof consistency === 'object') {
    writer.uint(1, WireConsistency.EVENTUAL);
    const start = writer.begin(2);
    duration(consistency.maxLagMs, 'consistency.maxLagMs');
    writer.end(start);
  } else {
    writer.uint(1, wireConsistencies[consistency]);
  }
  writer.text(3, token);
  writer.uint(4, naturalOf(revision, 'revision'));
  writer.uint(5, wireViews[view]);
}

/** `google.protobuf.Duration`. */
function duration(spanMs: number, name: string): void {
  if (!Number.isFinite(spanMs) || spanMs < 0) {
    const problem = `${name} is a number of milliseconds of 0 or more, not ${spanMs}`;
    throw new EnvCliError({ reason: 'INVALID_FIELD', message: problem });
  }
  writer.uint(1, Math.floor(spanMs / 1000));
  writer.uint(2, Math.floor((spanMs % 1000) * 1_000_000));
}

function operation(of: Operation): void {
  writer.text(1, of.environment);
  switch (of.kind) {
    case 'create': {
      const start = writer.begin(2);
      updates(of.variables ?? {});
      entries(2, of.labels ?? {});
      writer.text(3, of.description ?? '');
      writer.end(start);
      break;
    }
    case 'set':
    case 'replace': {
      const start = writer.begin(of.kind === 'set' ? 3 : 5);
      updates(of.variables);
      writer.bool(2, of.createIfAbsent ?? false);
      writer.end(start);
      break;
    }
    case 'unset': {
      const start = writer.begin(4);
      for (const name of of.names) writer.presentText(1, name);
      writer.end(start);
      break;
    }
    case 'label': {
      const start = writer.begin(6);
      entries(1, of.set ?? {});
      for (const key of of.remove ?? []) writer.presentText(2, key);
      writer.end(start);
      break;
    }
    case 'describe': {
      const start = writer.begin(7);
      writer.text(1, of.description);
      writer.end(start);
      break;
    }
    case 'delete':
      writer.end(writer.begin(8));
      break;
    case 'restore': {
      const start = writer.begin(9);
      writer.uint(1, naturalOf(of.revision, 'the revision to restore'));
      writer.end(start);
      break;
    }
    default:
      unreachable(of);
  }
}

function updates(variables: Updates): void {
  for (const name of Object.keys(variables)) {
    const start = writer.begin(1);
    writer.text(1, name);
    const given = variables[name]!;
    if (typeof given === 'string') writer.text(2, given);
    else update(name, given);
    writer.end(start);
  }
}

function update(name: string, { value, secret, type, comment }: VariableUpdate): void {
  // A caller without types would learn of it nowhere else: the wire has texts alone.
  if (typeof value !== 'string') {
    throw new EnvCliError({ reason: 'INVALID_FIELD', message: `the value of ${name} is no text, but of type ${typeof value}` });
  }
  writer.text(2, value);
  if (secret !== undefined) writer.presentUint(3, secret ? 1 : 0);
  if (type !== undefined) writer.presentUint(4, wireTypes[type]);
  if (comment !== undefined) writer.presentText(5, comment);
}

/** A map of texts. */
function entries(field: number, map: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(map)) {
    const start = writer.begin(field);
    writer.text(1, key);
    writer.text(2, map[key]!);
    writer.end(start);
  }
}

function condition(of: Condition): void {
  writer.text(1, of.environment);
  switch (of.kind) {
    case 'at-revision':
      writer.presentUint(2, naturalOf(of.revision, 'the revision of a condition'));
      break;
    case 'exists':
    case 'absent':
      writer.presentUint(3, of.kind === 'exists' ? 1 : 0);
      break;
    case 'variable-at-revision':
    case 'variable-equals': {
      const start = writer.begin(4);
      writer.text(1, of.variable);
      if (of.kind === 'variable-equals') writer.presentText(3, of.value);
      else writer.presentUint(2, naturalOf(of.revision, 'the revision of a condition'));
      writer.end(start);
      break;
    }
    default:
      unreachable(of);
  }
}
