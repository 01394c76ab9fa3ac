import type { SharedChange } from './shared-change.ts';
import type { Watch } from './watch.ts';

/**
 * Finds the watches that a change may concern without looking at the others: by exact name, by prefix, or (where a watch has
 * neither, but demands a label) by label.
 */
export class ScopeIndex {
  readonly #byName = new Map<string, Set<Watch>>();
  readonly #byPrefix = new Map<string, Set<Watch>>();
  readonly #byLabel = new Map<string, Set<Watch>>();
  /** How many prefixes of each length there are: only those lengths are looked up. */
  readonly #prefixLengths = new Map<number, number>();

  add(watch: Watch): void {
    for (const { map, key } of this.#placesOf(watch)) {
      const found = map.get(key);
      if (found !== undefined) {
        found.add(watch);
        continue;
      }
      map.set(key, new Set([watch]));
      if (map === this.#byPrefix) this.#countPrefix(watch.scope.prefix.length, 1);
    }
  }

  remove(watch: Watch): void {
    for (const { map, key } of this.#placesOf(watch)) {
      const found = map.get(key);
      if (found === undefined || !found.delete(watch) || found.size > 0) continue;
      map.delete(key);
      if (map === this.#byPrefix) this.#countPrefix(watch.scope.prefix.length, -1);
    }
  }

  /** The watches that a change may concern; each once. */
  candidates(change: SharedChange): Set<Watch> {
    const { namespace, name } = change.change;
    const found = new Set(this.#byName.get(keyOf(namespace, name)));
    for (const length of this.#prefixLengths.keys()) {
      if (length > name.length) continue;
      for (const watch of this.#byPrefix.get(keyOf(namespace, name.slice(0, length))) ?? []) found.add(watch);
    }
    if (this.#byLabel.size > 0) {
      for (const { key, value } of [...(change.labelsBefore ?? []), ...(change.labelsAfter ?? [])]) {
        for (const watch of this.#byLabel.get(labelKeyOf(namespace, key, value)) ?? []) found.add(watch);
      }
    }
    return found;
  }

  #placesOf({ scope }: Watch): { map: Map<string, Set<Watch>>; key: string }[] {
    if (scope.name !== null) return [{ map: this.#byName, key: keyOf(scope.namespace, scope.name) }];
    if (scope.prefix === '') {
      for (const demand of scope.selector) {
        if (demand.kind !== 'in') continue;
        return demand.values.map((value) => ({ map: this.#byLabel, key: labelKeyOf(scope.namespace, demand.key, value) }));
      }
    }
    return [{ map: this.#byPrefix, key: keyOf(scope.namespace, scope.prefix) }];
  }

  #countPrefix(length: number, change: 1 | -1): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + change;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}

/** Neither namespaces nor names, nor labels, hold a zero character. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}\0${name}`;
}

function labelKeyOf(namespace: string, key: string, value: string): string {
  return `${namespace}\0${key}\0${value}`;
}
