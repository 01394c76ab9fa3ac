import { buildGo } from '../support/go-build.ts';

/** What only Go can give: the system that is compared with, and generators that are cheap enough not to measure themselves. */
export interface GoPrograms {
  readonly etcd: string;
  /** etcd's own load generator. */
  readonly benchmark: string;
  /** Calls one unary method of any gRPC server; see etcd/unary/main.go. */
  readonly unary: string;
}

/** Builds the programs into `directory`, unless they are there. Answers why not, where that cannot be done. */
export async function goPrograms(directory: string): Promise<GoPrograms | { readonly missing: string }> {
  const built = await buildGo({
    source: 'test/bench/etcd',
    directory,
    packages: { etcd: 'go.etcd.io/etcd/server/v3', benchmark: 'go.etcd.io/etcd/v3/tools/benchmark', unary: './unary' },
    onBuild: (name) => process.stderr.write(`bench: building ${name} (a minute or two, once)\n`),
  });
  return 'missing' in built ? { missing: `${built.missing}: no etcd to compare with, and no unary calls` } : built;
}
