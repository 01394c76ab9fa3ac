import { assert, type ByteReader, type ByteWriter, MalformedBytes } from '@env-cli/support';

import type { DriftPolicy, LeavePolicy, MirrorDefinition, MirrorLayout, MirrorOption } from './definition.ts';
import { formatLabelSelector } from './selector.ts';
import { parseLabelSelector } from './selector-text.ts';

const layouts = ['per-variable', 'blob'] as const satisfies MirrorLayout[];
const leavePolicies = ['delete', 'leave'] as const satisfies LeavePolicy[];
const driftPolicies = ['overwrite', 'report', 'import'] as const satisfies DriftPolicy[];

/**
 * Name, prefix, selector as text, provider, target key, number of options and each with key and value, then layout, leave
 * policy and drift policy (u8 each, from 0, in the order above), greatest share of deletions u8, paused u8.
 */
export function writeDefinition(writer: ByteWriter, definition: MirrorDefinition): void {
  writer
    .text(definition.name)
    .text(definition.prefix)
    .text(formatLabelSelector(definition.labels))
    .text(definition.provider)
    .text(definition.targetKey)
    .varint(definition.options.length);
  for (const { key, value } of definition.options) writer.text(key).text(value);
  writer
    .u8(layouts.indexOf(definition.layout))
    .u8(leavePolicies.indexOf(definition.onLeave))
    .u8(driftPolicies.indexOf(definition.onDrift))
    .u8(definition.deleteShareMaxPercent)
    .u8(definition.paused ? 1 : 0);
}

/** Reads what {@link writeDefinition} wrote. */
export function readDefinition(reader: ByteReader): MirrorDefinition {
  const name = reader.text();
  const prefix = reader.text();
  const labels = parseLabelSelector(reader.text());
  if (labels.kind === 'error')
    throw new MalformedBytes(`a mirror whose selector goes wrong at ${labels.position}: ${labels.problem}`);
  const provider = reader.text();
  const targetKey = reader.text();
  const options: MirrorOption[] = [];
  for (let left = reader.varint(); left > 0; left--) options.push({ key: reader.text(), value: reader.text() });
  return {
    name,
    prefix,
    labels: labels.selector,
    provider,
    targetKey,
    options,
    layout: oneOf(layouts, reader),
    onLeave: oneOf(leavePolicies, reader),
    onDrift: oneOf(driftPolicies, reader),
    deleteShareMaxPercent: reader.u8(),
    paused: reader.u8() === 1,
  };
}

function oneOf<T>(values: readonly T[], reader: ByteReader): T {
  const value = values[reader.u8()];
  if (value === undefined) throw new MalformedBytes('a policy of a mirror that is not known');
  return value;
}

/** Whether two target keys claim the same place, or one a place within the other's. */
export function targetsOverlap(a: string, b: string): boolean {
  const [shorter, longer] = a.length < b.length ? [a, b] : [b, a];
  assert(shorter.length > 0, 'a target key is not empty');
  return longer === shorter || longer.startsWith(`${shorter}/`);
}
