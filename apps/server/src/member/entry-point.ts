/** A thread's program, resolved through our own `exports`: the source in tests, `dist` in production. */
export function threadProgram(name: 'consensus-worker' | 'apply-worker' | 'backup-worker'): URL {
  return new URL(import.meta.resolve(`@env-cli/server/${name}`));
}
