import { randomInt } from 'node:crypto';

import type { Client } from '@env-cli/client';

import {
  environmentName,
  environmentsCount,
  hundredName,
  hundredsCount,
  smallVariableBytes,
  texts,
  valuesCount,
  variableBytes,
} from './payload.ts';
import { variablesOfHundred, type OperationName } from './works.ts';

/** Makes the calls of one client through the SDK, each for the next of its environments. Names and values are made before: they are no part of what is measured. */
export class Calls {
  readonly #make: (n: number) => Promise<unknown>;
  #n = 0;

  constructor(client: Client, operation: OperationName, clientIndex: number) {
    this.#make = maker(client, operation, clientIndex);
  }

  next(): Promise<unknown> {
    return this.#make(this.#n++);
  }
}

function maker(client: Client, operation: OperationName, clientIndex: number): (n: number) => Promise<unknown> {
  const { environments } = client;
  if (operation === 'write-100') {
    const names = Array.from({ length: hundredsCount }, (_, n) => hundredName(clientIndex, n));
    const values = texts(valuesCount, smallVariableBytes).map((value) =>
      Object.fromEntries(Array.from({ length: variablesOfHundred }, (_, i) => [`VARIABLE_${i}`, value])),
    );
    return (n) =>
      environments.set(names[n % hundredsCount]!, values[Math.floor(n / hundredsCount) % valuesCount]!, { createIfAbsent: true });
  }
  const names = Array.from({ length: environmentsCount }, (_, n) => environmentName(clientIndex, n));
  if (operation === 'write') {
    const values = texts(valuesCount, variableBytes).map((value) => ({ VALUE: value }));
    // What stood there was written by an earlier load, with other values of the same list: begin elsewhere each time.
    const shift = randomInt(valuesCount);
    return (n) =>
      environments.set(names[n % environmentsCount]!, values[(Math.floor(n / environmentsCount) + shift) % valuesCount]!, {
        createIfAbsent: true,
      });
  }
  return (n) => environments.get(names[n % environmentsCount]!, { consistency: operation });
}
