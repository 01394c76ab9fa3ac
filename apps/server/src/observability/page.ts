import { metricCatalogue, metricPrefix } from './catalogue.ts';

/** docs/metrics.md. */
export function metricsPage(): string {
  const rows = Object.entries(metricCatalogue).map(([name, { type, help, labels = {} }]) => {
    const told = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${values}`);
    return `| \`${metricPrefix}${name}\` | ${type} | ${help} | ${told.join('; ')} |`;
  });
  return `${[
    '# Metrics',
    '',
    '<!-- Made from apps/server/src/observability by `npm run docs`. Changes here are overwritten. -->',
    '',
    'Every member serves `/metrics` in Prometheus’ text format on its metrics port. Seconds and bytes are the only units. Every label has the',
    'bounded values that stand here; no name of an environment or a variable, and no value, is in any of them. Beside these there are',
    '`env_cli_process_…` and `env_cli_nodejs_…`, what prom-client tells of the process and of Node.js.',
    '',
    'A counter begins at 0 with the process. A histogram has the series `…_bucket`, `…_sum` and `…_count`.',
    '',
    '| metric | type | what it says | labels |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`;
}
