import { registerHooks } from 'node:module';

import { assert, decodeUtf8 } from '@env-cli/support';

import type { Mutant } from './mutants.ts';

const mark = '?mutant=';
const planted = new Map<string, Mutant>();
let hooked = false;

/** What runs seeds and makes a failed run smaller. */
export type Runner = typeof import('./seeds.ts') & typeof import('./smaller.ts');

/**
 * Imports the runner of seeds anew, and with it everything that it runs, with the bug of a mutant in it. Only this program's own memory
 * holds it: no file is changed, and nothing that is shipped has a switch.
 */
export async function importMutant(mutant: Mutant): Promise<Runner> {
  hook();
  planted.set(mutant.name, mutant);
  const [seeds, smaller] = await Promise.all(
    ['./seeds.ts', './smaller.ts'].map(async (file) => {
      const url = new URL(file, import.meta.url).href + mark + encodeURIComponent(mutant.name);
      return (await import(url)) as object;
    }),
  );
  return { ...seeds, ...smaller } as Runner;
}

function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      const [parent, name] = context.parentURL?.split(mark) ?? [];
      if (name === undefined) return next(specifier, context);
      const resolved = next(specifier, { ...context, parentURL: parent });
      return resolved.url.includes('/libs/') ? { ...resolved, url: resolved.url + mark + name } : resolved;
    },
    load: (url, context, next) => {
      const [file, name] = url.split(mark);
      const mutant = name === undefined ? undefined : planted.get(decodeURIComponent(name));
      if (mutant === undefined) return next(url, context);
      const loaded = next(file!, context);
      assert(loaded.source instanceof Uint8Array || typeof loaded.source === 'string', 'a module has a source');
      let source = typeof loaded.source === 'string' ? loaded.source : decodeUtf8(loaded.source);
      for (const edit of mutant.edits) {
        if (!file!.endsWith(`/libs/${edit.file}`)) continue;
        assert(
          source.split(edit.find).length === 2,
          `what a mutant changes stands once in its file: ${mutant.name}, ${edit.file}`,
        );
        source = source.replace(edit.find, () => edit.replace);
      }
      return { ...loaded, source };
    },
  });
}
