import type { Client } from '@env-cli/client';

import {
  environmentName,
  environmentsCount,
  hundredName,
  hundredsCount,
  smallVariableBytes,
  newTexts,
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
    const values = newTexts(valuesCount, smallVariableBytes).map((value) =>
      Object.fromEntries(Array.from({ length: variablesOfHundred }, (_, i) => [`VARIABLE_${i}`, value])),
    );
    return (n) =>
      environments.set(names[n % hundredsCount]!, values[Math.floor(n / hundredsCount) % valuesCount]!, { createIfAbsent: true });
  }
  const names = Array.from({ length: environmentsCount }, (_, n) => environmentName(clientIndex, n));
  if (operation === 'write') {
    const values = newTexts(valuesCount, variableBytes).map((value) => ({ VALUE: value }));
    return (n) =>
      environments.set(names[n % environmentsCount]!, values[Math.floor(n / environmentsCount) % valuesCount]!, {
        createIfAbsent: true,
      });
  }
  return (n) => environments.get(names[n % environmentsCount]!, { consistency: operation });
}
