/** What a metric is. A histogram's series are `…_bucket`, `…_sum` and `…_count`. */
export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence, for /metrics and docs/metrics.md. */
  readonly help: string;
  /** Each with the values that it may have, for the documentation. */
  readonly labels?: Readonly<Record<string, string>>;
}

const counter = (help: string, labels: MetricEntry['labels'] = {}): MetricEntry => ({ type: 'counter', help, labels });
const gauge = (help: string, labels: MetricEntry['labels'] = {}): MetricEntry => ({ type: 'gauge', help, labels });
const histogram = (help: string, labels: MetricEntry['labels'] = {}): MetricEntry => ({ type: 'histogram', help, labels });

/** What every name begins with. */
export const metricPrefix = 'env_cli_';

const calls = {
  method: 'the methods of the API, as `Environments/Get`, and `unknown` for all others together',
  code: 'the names of gRPC statuses',
};

/**
 * Every metric of a member, by its name without the prefix: the one table from which /metrics takes HELP and TYPE, and from which
 * docs/metrics.md is made. What the runtime itself is measured by (`process_…`, `nodejs_…`) comes from prom-client.
 */
export const metricCatalogue: Readonly<Record<string, MetricEntry>> = {
  api_requests_total: counter('Calls that ended, by method and gRPC status.', calls),
  api_request_duration_seconds: histogram('How long calls took, by method and gRPC status. Streams count when they end.', calls),
  api_proposals_pending: gauge('Commands of this member’s API whose result is awaited.'),
  api_proposals_failed_total: counter('Commands of this member’s API that ended without a result, by reason.', {
    reason: '`no-leader`, `too-busy`, `deadline-exceeded`, `outcome-unknown`, `stopping`',
  }),
  api_reads_waiting: gauge('Reads that wait for the state to be as fresh as they ask.'),

  raft_has_leader: gauge('1 while this member knows of a leader, else 0.'),
  raft_is_leader: gauge('1 while this member leads, else 0.'),
  raft_leader_changes_total: counter('How often this member began or ended to lead.'),
  raft_term: gauge('The term of this member.'),
  raft_commit_index: gauge('The last log index that is known to be committed.'),
  raft_applied_index: gauge('The last log index that the state of this member holds.'),
  raft_last_index: gauge('The last index of this member’s log.'),
  raft_uncommitted_bytes: gauge('Bytes of entries that were proposed and are not committed.'),
  raft_cache_bytes: gauge('Bytes of entries that are kept in memory for followers.'),
  raft_log_bytes: gauge('Bytes of the log on disk.'),
  raft_proposals_waiting: gauge('Commands that wait to be proposed or passed on to the leader.'),
  raft_proposals_uncommitted: gauge('Entries that this member proposed and that are not applied.'),
  raft_reads_waiting: gauge('Reads that wait for a read index.'),
  raft_inbox_dropped_total: counter('Messages of peers that were dropped because too many waited.'),
  raft_handovers_total: counter('Times that this member began to hand the lead over, since it was paused or slow.'),

  peers_connected: gauge('Members to which this one has a connection.'),
  peers_dropped_messages_total: counter('Messages to peers that were dropped for want of a connection or of room.'),
  peer_round_trip_seconds: histogram(
    'From a leader’s heartbeat to its answer, by peer. A member that does not lead measures none.',
    {
      peer: 'the number of the other member',
    },
  ),
  snapshot_sent_bytes_total: counter('Bytes of snapshots that were sent to other members, those that were sent again included.'),
  snapshot_received_bytes_total: counter('Bytes of snapshots that came from other members.'),

  log_syncs_total: counter('Syncs of the log.'),
  log_sync_seconds_total: counter('Time that syncs of the log took.'),
  log_sync_max_seconds: gauge('The longest sync of the log since the figures were last asked for.'),
  log_written_bytes_total: counter('Bytes that were written to the log.'),
  apply_transactions_total: counter('Transactions by which entries were brought into the state.'),
  apply_transactions_seconds_total: counter('Time that these transactions took.'),

  storage_usage_bytes: gauge('Bytes of the state on disk.'),
  storage_map_bytes: gauge('Bytes that the state on disk can grow to on this member: `storage.map_size`.'),
  store_checkpoint_index: gauge('The log index that the newest checkpoint of the state holds.'),
  revision: gauge('The newest revision of this member’s state.'),
  compacted_revision: gauge('The oldest revision that can be read; 0 before anything was compacted.'),

  state_bytes: gauge(
    'What the state takes by the count of the quota: names, values, history, deliveries. The same on all members.',
  ),
  state_quota_bytes: gauge('The bytes that the state may take: `env-cli cluster quota`.'),

  feature_level: gauge('The feature level of the cluster, as this member has it; 0 before it has any state.'),
  feature_level_max: gauge('The highest feature level that this member’s program understands.'),

  watches: gauge('Watches that are open on this member.'),
  watch_lag_revisions: gauge('The greatest number of revisions that a watch is behind.'),

  outbox_due_rows: gauge('Deliveries that are due, over all mirrors.'),
  outbox_oldest_due_seconds: gauge('For how long the oldest of the deliveries that are due waits.'),
  outbox_dead_letters: gauge('Environments whose delivery failed for good, over all mirrors: `env-cli mirror status` tells why.'),
  outbox_deliveries_in_flight: gauge('Deliveries that are under way on this member.'),
  outbox_deliveries_waiting: gauge('Deliveries that wait for another attempt on this member.'),
  outbox_calls_hanging: gauge('Calls to targets that have run out of their time and have not ended.'),
  sync_operations_total: counter('Attempts at deliveries that ended, by provider and outcome.', {
    provider: 'the providers of this version: `file`',
    outcome: '`delivered`, `withdrawn`, `retry`, `failed`, `stopped`',
  }),

  secrets_seals_total: counter('Secrets that this member sealed.'),
  secrets_seals_in_hand: gauge('Seals of the sealing data key that this member has taken from the cluster and not made yet.'),
  secrets_seals_left: gauge(
    'Seals of the newest data key that no member has taken yet, of 4,294,967,296. It is replaced when a quarter is left.',
  ),
  secrets_data_keys: gauge('Data keys that the cluster keeps, old ones included; 1,000 at most.'),
  secrets_newest_data_key: gauge('The number of the newest data key.'),
  secrets_sealing_data_key: gauge(
    'The number of the data key that this member seals with: for a few seconds not yet the newest.',
  ),
  secrets_resealed_data_key: gauge(
    'No secret of an environment is sealed by an older data key than this number. Below the newest, secrets are being sealed anew.',
  ),
  secrets_resealed_total: counter('Secrets that this member sealed anew by a newer data key while it led.'),

  tls_certificate_end_timestamp_seconds: gauge(
    'When a certificate ends that is in use, in seconds since 1970; of several the one that ends first. No series without TLS, or while nobody shows one.',
    {
      use: '`shown to clients` and `shown to members`: this member’s own; `authority`: of those that are believed; `client`, `member`: of those that are connected to this one',
    },
  ),

  alarms: gauge('Alarms that stand in the cluster, by kind.', { kind: 'the kinds of alarms (docs/operating.md)' }),
  integrity_agreed_index: gauge('The last log index at which a majority reported the same state hashes.'),
  integrity_scrubs_total: counter('Scrubs of the whole state that ended.'),
  integrity_scrubbed_rows: gauge('Rows that the last scrub read.'),
  integrity_scrub_seconds: gauge('How long the last scrub took.'),

  backup_streams: gauge('Backups that this member makes or sends to clients at this moment.'),
  backup_streams_total: counter('Backups for clients that ended, by outcome.', { outcome: '`sent`, `failed`' }),
  backup_scheduled_total: counter('Scheduled backups that this member took or failed to take while it led.', {
    outcome: '`taken`, `failed`',
  }),
  backup_last_timestamp_seconds: gauge(
    'When this member took its last scheduled backup, in seconds since 1970; 0 when it has taken none since it started.',
  ),
  backup_last_bytes: gauge('The size of the last scheduled backup that this member took.'),

  event_loop_delay_seconds: gauge(
    'How late the event loop of a thread ran what was due, since the figures were last asked for.',
    {
      thread: '`api`, `consensus`, `apply`',
      quantile: '`0.99`, and `1` for the longest',
    },
  ),
};

/** The name in the catalogue of a series; null: it is in none. */
export function catalogued(series: string): string | null {
  const [name = ''] = series.split('{');
  if (name in metricCatalogue) return name;
  const histogramName = name.replace(/_(bucket|sum|count)$/, '');
  return metricCatalogue[histogramName]?.type === 'histogram' ? histogramName : null;
}
