import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { limitsOf } from '@env-cli/environments';
import { NotDelivering } from '@env-cli/outbox';
import { forgetRepaired, readRepaired } from '@env-cli/store-lmdb';
import { BrokenInvariant } from '@env-cli/support';

import { Api } from '../api.ts';
import { quotaHeldBy } from '../cluster/quota.ts';
import { ReplacedMembers } from '../cluster/replaced-members.ts';
import { addReflection, apiServices, HealthService } from '../health.ts';
import { ScheduledBackups } from '../backup/scheduled-backups.ts';
import { refuseAccusedMember } from '../integrity/accused-member.ts';
import { IntegrityWatch } from '../integrity/integrity-watch.ts';
import { LevelWatch } from '../levels/level-watch.ts';
import { type Member, MemberUnavailable } from '../member/member.ts';
import { MemberRefused } from '../member/member-refused.ts';
import { startMember } from '../member/start-member.ts';
import type { AwsDefaults } from '../mirrors/aws-definition.ts';
import { createDefaultMirror } from '../mirrors/default-mirror.ts';
import { forbiddenFolders } from '../mirrors/forbidden-folders.ts';
import { MemberOutbox, type OutboxOptions } from '../mirrors/outbox.ts';
import type { MirrorWorker } from '../mirrors/mirror-worker.ts';
import { listen, type ListeningApi } from '../nest-app.ts';
import { HttpListener } from '../observability/http.ts';
import type { Log } from '../observability/log.ts';
import { type FigureSource, Metrics } from '../observability/metrics.ts';
import { NestLog } from '../observability/nest-log.ts';
import { showAddress } from '../options/kinds.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { type FaultSink, framesOf } from '../rpc/faults.ts';
import { TlsProblem } from '../security/tls-files.ts';
import { TlsIdentity } from '../security/tls-identity.ts';
import { tlsPathsOf } from '../security/tls-options.ts';
import { type OpenedSecrets, openSecrets } from '../secrets/open-secrets.ts';
import { addressRefused, isLoopback } from './addresses.ts';
import { Readiness } from './readiness.ts';
import { stateBytes } from './storage.ts';

/** The longest that a look at what this member itself holds may take, in milliseconds. */
const ownReadMs = 5_000;

/** A worker that does nothing: mirrors are turned off on this member. */
const noWorker: MirrorWorker & FigureSource & { stop(): Promise<void> } = {
  status: () => null,
  plan: () => Promise.reject(new NotDelivering('mirrors are turned off on this member')),
  figures: () => Promise.resolve({}),
  stop: () => Promise.resolve(),
};

/** One member: everything that it is made of, started and stopped in a written order. */
export class MemberServer {
  readonly #options: OptionValues;
  readonly #log: Log;
  readonly #health = new HealthService();
  readonly #startAbort = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  readonly #readiness = new Readiness((ready) => this.#health.set(ready));
  #http: HttpListener | null = null;
  #metrics: Metrics | null = null;
  #member: Member | null = null;
  #worker = noWorker;
  #integrity: IntegrityWatch | null = null;
  #replaced: ReplacedMembers | null = null;
  #levels: LevelWatch | null = null;
  #schedule: ScheduledBackups | null = null;
  #secrets: OpenedSecrets | null = null;
  #tls: TlsIdentity | null = null;
  #api: Api | null = null;
  #listening: ListeningApi | null = null;
  #stopping = false;

  constructor(options: OptionValues, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects when the member cannot go on, with the reason for people. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Resolves when calls may be sent here for the first time. */
  get ready(): Promise<void> {
    return this.#readiness.first;
  }

  /** Starts everything, what others depend on first. Rejects with {@link StartRefused} when it is not to be. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      // The member has ended by itself, and whatever was asked of it meanwhile hears of that first: why is said by the member, once its threads are gone.
      if (error instanceof MemberUnavailable && error.code === 'stopping' && !this.#stopping) await this.#failed.promise;
      throw error;
    }
  }

  async #start(): Promise<void> {
    const options = this.#options;
    this.#tls = this.#openTls();
    if (options['observability.enabled']) await this.#listenHttp();

    const isFounding = options['server.bootstrap'] && !existsSync(join(options['server.data_dir'], 'identity'));
    const member = await this.#startMember();
    this.#member = member;
    member.stopped.catch((error: unknown) => {
      // Others found out whose disk this is, or of which day: at the start or a moment later is the same.
      if (error instanceof MemberRefused) this.#failed.reject(new StartRefused('data', error.message));
      else this.#fail(error instanceof Error ? error.message : String(error));
    });
    const { 'server.data_dir': dataDir } = options;
    const repairedIndex = readRepaired(dataDir);
    await refuseAccusedMember(member, repairedIndex);
    await this.#warnOfSmallMap(member);
    const opened = await openSecrets(member, options, this.#log, this.#startAbort.signal);
    this.#secrets = opened;
    const { secrets } = opened;
    this.#integrity = new IntegrityWatch(member, {
      markIntervalMs: options['storage.hash_check_interval'],
      log: this.#log,
      repaired: { index: repairedIndex, forget: () => forgetRepaired(dataDir) },
      stop: (reason) => this.#fail(reason),
    });
    this.#replaced = new ReplacedMembers(member, { log: this.#log });
    const levels = this.#watchLevels(member);
    this.#levels = levels;

    const faults = this.#faultSink();
    const broken = (error: unknown): void =>
      this.#fail(error instanceof BrokenInvariant ? error.message : `a fault in the mirror worker: ${framesOf(error)}`);
    if (options['mirrors.enabled'])
      this.#worker = await MemberOutbox.on(member, { ...workerOptionsOf(options), secrets }, this.#log, broken);
    this.#api = new Api(member, this.#worker, {
      defaultDeadlineMs: options['server.default_deadline'],
      defaultConsistency: options['distributed.consistency_level'],
      watchProgressIntervalMs: options['server.watch_progress_interval'],
      awsDefaults: awsDefaultsOf(options),
      storageBytes: () => stateBytes(options['server.data_dir']),
      mapBytes: options['storage.map_size'],
      folderProblem: forbiddenFolders(options['server.data_dir']),
      dataDir: options['server.data_dir'],
      faults,
      secrets,
      keyring: opened.keyring,
      levelRaisesInMs: () => levels.raisesInMs(),
      tls: this.#tls,
    });
    if (options['backup.directory'] !== '') this.#schedule = this.#scheduleBackups(member, this.#api);
    const metrics = this.#makeMetrics(member, this.#api);
    this.#metrics = metrics;
    this.#listening = await this.#listenApi(this.#api, faults, metrics);
    this.#log.info(
      {
        api: showAddress({ ...options['server.listen'], port: this.#listening.port }),
        peers: showAddress(options['server.peer_listen']),
      },
      'the member listens',
    );
    this.#readiness.begin(member);
    if (isFounding) this.#furnish(member);
  }

  /**
   * Stops everything, in the reverse order: first nobody is sent here any more, then what is under way ends, then the files
   * are closed. Also while it is still starting. Rejects, when everything is closed, with what did not end in order.
   */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#startAbort.abort(new Error('the member was told to stop'));
    this.#readiness.stop();
    this.#api?.drain();
    if (this.#member !== null) await this.#handOver(this.#member);
    await this.#listening?.close();
    await this.#worker.stop();
    await this.#schedule?.stop();
    this.#integrity?.stop();
    this.#replaced?.stop();
    this.#levels?.stop();
    this.#secrets?.stop();
    this.#api?.close();
    try {
      await this.#member?.stop(this.#options['server.drain_timeout']);
    } finally {
      await this.#http?.close();
      this.#tls?.stop();
      this.#metrics?.close();
    }
  }

  /** A state that grows beyond its file stops the member, and then nothing can be deleted either: the quota has to come first. */
  async #warnOfSmallMap(member: Member): Promise<void> {
    const mapBytes = this.#options['storage.map_size'];
    const need = { freshness: { kind: 'any' }, appliedIndex: 0, deadline: performance.now() + ownReadMs } as const;
    const { quotaBytes } = await member.read(need, limitsOf);
    const heldBytes = quotaHeldBy(mapBytes);
    if (quotaBytes <= heldBytes) return;
    const advice = `Raise storage.map_size to ${2 * quotaBytes}, or set the quota to ${heldBytes} ('env-cli cluster quota')`;
    this.#log.warn({ quotaBytes, mapBytes }, `the quota is more than half of what the state's file can grow to here. ${advice}`);
  }

  /** A leader that stops hands the lead over: else the others would wait for an election timeout until they notice. */
  async #handOver(member: Member): Promise<void> {
    const { role, memberId, members } = member.view();
    const others = members.filter((other) => other.voter && other.connected && other.memberId !== memberId);
    if (role !== 'leader' || others.length === 0) return;
    const electionMs = this.#options['distributed.heartbeat_interval'] * this.#options['distributed.election_ticks'];
    const deadline = performance.now() + electionMs;
    const answer = await member.order({ kind: 'transfer', to: null }, deadline).catch(() => null);
    this.#log.info(answer?.kind === 'done' ? 'the lead was handed over' : 'nobody took the lead over in time');
  }

  /** Reads the certificate anew. The other threads look at its files once a second. */
  reloadCertificates(): void {
    if (this.#tls === null) this.#log.info('told to read the certificate anew, and there is none');
    else this.#tls.reload();
  }

  #openTls(): TlsIdentity | null {
    const paths = tlsPathsOf(this.#options);
    if (paths === null) return null;
    const log = (level: 'info' | 'warn' | 'error', message: string): void => this.#log[level](message);
    try {
      return new TlsIdentity(paths, { memberId: this.#options['server.member_id'], log });
    } catch (error) {
      throw error instanceof TlsProblem ? new StartRefused('keys', error.message) : error;
    }
  }

  #fail(reason: string): void {
    this.#failed.reject(new Error(reason));
  }

  async #listenHttp(): Promise<void> {
    const address = { host: this.#options['observability.metrics_host'], port: this.#options['observability.metrics_port'] };
    const http = new HttpListener({
      ...address,
      // What only this machine reaches stays what every probe can ask.
      tls: isLoopback(address.host) ? null : this.#tls,
      metrics: () => this.#exposition(),
      live: () => ({ ok: true, why: 'alive' }),
      ready: () => this.#readiness.verdict(),
    });
    try {
      await http.listen();
    } catch (error) {
      throw addressRefused('observability.metrics_port', 'metrics-port', address, error);
    }
    this.#http = http;
  }

  async #exposition(): Promise<{ contentType: string; text: string }> {
    if (this.#metrics === null) return { contentType: 'text/plain; charset=utf-8', text: '' };
    return { contentType: this.#metrics.contentType, text: await this.#metrics.text() };
  }

  async #startMember(): Promise<Member> {
    const options = this.#options;
    const peerListen = options['server.peer_listen'];
    const memberId = options['server.member_id'];
    const stated = options['server.members'].map((member) => ({
      memberId: member.memberId,
      address: showAddress(member.peerAddress),
    }));
    const members = stated.length > 0 ? stated : [{ memberId, address: showAddress(peerListen) }];
    this.#log.info({ dataDir: options['server.data_dir'] }, 'the member starts');
    try {
      return await startMember(
        {
          memberId,
          dataDir: options['server.data_dir'],
          peerListen,
          tls: tlsPathsOf(options),
          apiAddress: showAddress(options['server.advertise'] ?? options['server.listen']),
          found: options['server.bootstrap'] ? { members } : null,
          join: options['server.join'] ? { members } : null,
          tickMs: options['distributed.heartbeat_interval'],
          electionTicks: options['distributed.election_ticks'],
          slowLeaderMs: options['distributed.slow_leader_timeout'],
          snapshotBytesPerSecondMax: options['distributed.snapshot_bytes_per_second'],
          reserveBytes: options['storage.reserve_size'],
          mapBytes: options['storage.map_size'],
          logSegmentBytes: options['storage.log_segment_size'],
          scrubIntervalMs: options['storage.scrub_interval'],
          signal: this.#startAbort.signal,
        },
        ({ level, message }) => this.#log[level](message),
      );
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new StartRefused(message.startsWith('the peer address') ? 'address' : 'data', message);
    }
  }

  async #listenApi(api: Api, faults: FaultSink, metrics: Metrics): Promise<ListeningApi> {
    const address = this.#options['server.listen'];
    try {
      return await listen(
        api,
        {
          address: showAddress(address),
          ...(this.#tls === null ? {} : { credentials: this.#tls.server }),
          services: apiServices,
          faults,
          ended: (method, code, seconds) => metrics.ended(method, code, seconds),
          prepare: (server) => {
            this.#health.addTo(server);
            addReflection(server);
            this.#tls?.guard(server);
          },
          drainTimeoutMs: () => this.#options['server.drain_timeout'],
        },
        new NestLog(this.#log),
      );
    } catch (error) {
      const { message } = error as Error;
      // grpc-js puts the system's code into its message.
      const code = /E[A-Z]{4,}/.exec(message)?.[0];
      throw addressRefused('server.listen', 'listen', address, { code });
    }
  }

  #scheduleBackups(member: Member, api: Api): ScheduledBackups {
    const options = this.#options;
    return new ScheduledBackups(member, {
      folder: options['backup.directory'],
      intervalMs: options['backup.interval'],
      keepCount: options['backup.keep_count'],
      keepMs: options['backup.keep_time'],
      storageBytes: api.storageBytes,
      log: this.#log,
      nowMs: () => Date.now(),
      after: (milliseconds, run) => {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
      },
    });
  }

  #watchLevels(member: Member): LevelWatch {
    return new LevelWatch(member, {
      raiseAfterMs: this.#options['server.level_raise_after'],
      log: this.#log,
      nowMs: () => performance.now(),
      every: (milliseconds, run) => {
        const timer = setInterval(run, milliseconds);
        return () => clearInterval(timer);
      },
    });
  }

  #makeMetrics(member: Member, api: Api): Metrics {
    const methods = apiServices.flatMap((service) => service.methods.map((method) => `/${service.typeName}/${method.name}`));
    const watches: FigureSource = {
      figures: () => Promise.resolve({ watches: api.dispatcher.count, watch_lag_revisions: api.dispatcher.lagRevisions }),
    };
    const storage: FigureSource = {
      figures: () => Promise.resolve({ storage_usage_bytes: api.storageBytes(), storage_map_bytes: api.mapBytes }),
    };
    const certificates: FigureSource | null =
      this.#tls === null ? null : { figures: () => Promise.resolve(this.#tls!.figures('clients')) };
    const checks = [this.#integrity, this.#levels, this.#schedule, this.#secrets, certificates].filter(
      (source) => source !== null,
    );
    return new Metrics(member, methods, [watches, storage, api.backups, this.#worker, ...checks]);
  }

  #faultSink(): FaultSink {
    return {
      unexpected: (where, what, stack) => this.#log.error({ where, what, stack }, 'a fault of the service: please report it'),
      broken: (error) => this.#fail(`${error.message}\n${framesOf(error)}`),
    };
  }

  /** What a new cluster comes with. One of its members sees to it. */
  #furnish(member: Member): void {
    const directory = this.#options['mirrors.default_directory'];
    const lowest = Math.min(...this.#options['server.members'].map(({ memberId }) => memberId), member.identity.memberId);
    if (directory === '' || lowest !== member.identity.memberId) return;
    createDefaultMirror(member, directory, this.#log).catch((error: unknown) =>
      this.#fail(`a fault while the default mirror was made: ${framesOf(error)}`),
    );
  }
}

function workerOptionsOf(options: OptionValues): Omit<OutboxOptions, 'secrets'> {
  const aws = {
    accessKeyIdEnv: options['cloud.providers.aws.access_key_id_env'],
    secretAccessKeyEnv: options['cloud.providers.aws.secret_access_key_env'],
    sessionTokenEnv: options['cloud.providers.aws.session_token_env'],
    env: process.env,
  };
  return {
    deliveriesMax: options['mirrors.deliveries_max'],
    scanIntervalMs: options['mirrors.scan_interval'],
    folderProblem: forbiddenFolders(options['server.data_dir']),
    aws: options['cloud.enabled'] ? aws : null,
  };
}

function awsDefaultsOf(options: OptionValues): AwsDefaults {
  return {
    enabled: options['cloud.enabled'],
    account: options['cloud.providers.aws.account_id'],
    region: options['cloud.providers.aws.region'],
    ssmPrefix: options['cloud.providers.aws.ssm_parameter_prefix'],
    secretsManagerPrefix: options['cloud.providers.aws.secrets_manager_prefix'],
  };
}
