import { VariableType as WireType, type Environment as WireEnvironment, type Variable as WireVariable } from '@env-cli/wire';

import { revisionOf } from './revision.ts';

/** What the value of a variable must look like. Null: any text. */
export type VariableType = 'string' | 'number' | 'boolean' | 'json' | 'url' | 'duration' | 'bytes';

const typeNames: Readonly<Record<number, VariableType>> = {
  [WireType.STRING]: 'string',
  [WireType.NUMBER]: 'number',
  [WireType.BOOLEAN]: 'boolean',
  [WireType.JSON]: 'json',
  [WireType.URL]: 'url',
  [WireType.DURATION]: 'duration',
  [WireType.BYTES]: 'bytes',
};

export const wireTypes: Readonly<Record<VariableType, WireType>> = {
  string: WireType.STRING,
  number: WireType.NUMBER,
  boolean: WireType.BOOLEAN,
  json: WireType.JSON,
  url: WireType.URL,
  duration: WireType.DURATION,
  bytes: WireType.BYTES,
};

/** One named value as it is kept. */
export interface Variable {
  readonly name: string;
  /** The text; null when it is a secret and the view masks it. */
  readonly value: string | null;
  readonly secret: boolean;
  /** The length of the value in bytes. */
  readonly valueBytes: number;
  /** For a secret a keyed hash of the value: equal for equal values in one cluster, useless elsewhere. Empty for others. */
  readonly valueHash: string;
  readonly type: VariableType | null;
  readonly comment: string;
  /** The revision that last changed it. */
  readonly modifyRevision: number;
}

/** A named set of variables. */
export interface Environment {
  readonly namespace: string;
  readonly name: string;
  /** Sorted by name. */
  readonly variables: readonly Variable[];
  readonly labels: Readonly<Record<string, string>>;
  readonly description: string;
  readonly createRevision: number;
  readonly modifyRevision: number;
  /** Writes to it since its creation, from 1. */
  readonly version: number;
}

export function variableOf(variable: WireVariable): Variable {
  return {
    name: variable.name,
    value: variable.value ?? null,
    secret: variable.secret,
    valueBytes: revisionOf(variable.valueBytes),
    valueHash: variable.valueHash,
    type: typeNames[variable.type] ?? null,
    comment: variable.comment,
    modifyRevision: revisionOf(variable.modifyRevision),
  };
}

export function environmentOf(environment: WireEnvironment): Environment {
  return {
    namespace: environment.namespace,
    name: environment.name,
    variables: environment.variables.map(variableOf),
    labels: { ...environment.labels },
    description: environment.description,
    createRevision: revisionOf(environment.createRevision),
    modifyRevision: revisionOf(environment.modifyRevision),
    version: revisionOf(environment.version),
  };
}
