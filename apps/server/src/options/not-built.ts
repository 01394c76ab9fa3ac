/**
 * Keys that the configuration schema names and whose feature does not exist yet: setting one is refused, never ignored.
 *
 * A value in `harmless` states what is the case anyway and is let through.
 */
export const notBuilt: Readonly<Record<string, { readonly feature: string; readonly harmless?: unknown }>> = {
  'cloud.default_provider': { feature: 'delivery to another cloud than AWS', harmless: 'aws' },
  'cloud.providers.azure': { feature: 'delivery to Azure' },
  'cloud.providers.gcp': { feature: 'delivery to Google Cloud' },
  'distributed.enabled': { feature: 'running without a cluster', harmless: true },
  'distributed.replication_factor': { feature: 'placing environments on some of the members' },
  'distributed.gossip_interval': { feature: 'gossip between regions' },
  'autoscaling.enabled': { feature: 'automatic scaling', harmless: false },
  'autoscaling.min_replicas': { feature: 'automatic scaling' },
  'autoscaling.max_replicas': { feature: 'automatic scaling' },
  'autoscaling.target_cpu_utilization': { feature: 'automatic scaling' },
  'autoscaling.target_memory_utilization': { feature: 'automatic scaling' },
  'observability.tracing_endpoint': { feature: 'tracing' },
};

/** The row that covers a key: its own, or that of a table that it lies in. */
export function notBuiltFor(key: string): { readonly feature: string; readonly harmless?: unknown } | undefined {
  for (const [name, row] of Object.entries(notBuilt)) if (key === name || key.startsWith(`${name}.`)) return row;
  return undefined;
}
