import type { ObservedTarget, Stamp, Step, StepResult } from '@env-cli/mirroring';
import { unreachable } from '@env-cli/support';

import type { Host } from '../ports.ts';
import {
  type CloudProvider,
  type OpenProvider,
  type PlainVariable,
  type ProviderContext,
  type ReadCalls,
  type RenderedKey,
  TargetError,
  type TargetLimits,
  type WriteCalls,
} from '../provider.ts';

/** One remote secret of the store. */
interface Secret {
  bytes: Uint8Array;
  stamp: Stamp | null;
  version: number;
}

/**
 * A cloud's secret store, in memory: one secret a variable, the stamp in its tags, names without `_` (a lossy mapping), values
 * that must not be empty, a rate, and whatever a test makes go wrong. It outlives the workers that write to it. For tests.
 */
export class CloudTwin {
  readonly secrets = new Map<string, Secret>();
  /** Names that were ever stamped for an environment. */
  readonly marked = new Map<string, Set<string>>();
  limits: TargetLimits = { callMsMax: 1_000, callsPerSecond: 1_000, callsBurst: 1_000, deliveriesMax: 64, perMember: false };
  /** Every call that was made, as `read NAME`, `write NAME`, `tag NAME`, `delete NAME`, `list`. */
  readonly calls: string[] = [];
  /** Awaited before each call is carried out; what it throws is what the call fails with. */
  before: (call: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  #version = 0;

  /** Opens providers on this store. */
  readonly open: OpenProvider = (_definition, context) => new TwinProvider(this, context);

  /** Somebody else writes, without a stamp of ours unless the secret had one. */
  meddle(name: string, value: string): void {
    this.secrets.set(name, {
      bytes: new TextEncoder().encode(value),
      stamp: this.secrets.get(name)?.stamp ?? null,
      version: ++this.#version,
    });
  }

  /** Puts a secret with another one's stamp, changed: as a late call, or a former life of the cluster, would. */
  restamp(from: string, to: string, change: Partial<Stamp>, value: string): void {
    const stamp = this.secrets.get(from)?.stamp;
    if (stamp) this.put(to, new TextEncoder().encode(value), { ...stamp, ...change });
  }

  /** The values of all secrets, as text. */
  values(): Record<string, string> {
    return Object.fromEntries([...this.secrets].map(([name, { bytes }]) => [name, new TextDecoder().decode(bytes)]));
  }

  /** Calls that changed something. */
  writes(): readonly string[] {
    return this.calls.filter((call) => !/^(read|list)/.test(call));
  }

  async call<T>(call: string, signal: AbortSignal, work: () => T): Promise<T> {
    this.calls.push(call);
    await this.before(call, signal);
    return work();
  }

  put(name: string, bytes: Uint8Array, stamp: Stamp): string {
    this.secrets.set(name, { bytes, stamp, version: ++this.#version });
    const marked = this.marked.get(stamp.environment) ?? new Set();
    this.marked.set(stamp.environment, marked.add(name));
    return String(this.#version);
  }
}

/** The moments at which calls were made, for tests of the rate. */
export function clocked(cloud: CloudTwin, host: Host): number[] {
  const moments: number[] = [];
  const { before } = cloud;
  cloud.before = (call, signal) => {
    moments.push(host.nowMs());
    return before(call, signal);
  };
  return moments;
}

class TwinProvider implements CloudProvider {
  readonly #cloud: CloudTwin;
  readonly #context: ProviderContext;

  constructor(cloud: CloudTwin, context: ProviderContext) {
    this.#cloud = cloud;
    this.#context = context;
  }

  get limits(): TargetLimits {
    return this.#cloud.limits;
  }

  render(environment: string, variables: readonly PlainVariable[]): readonly RenderedKey[] {
    return variables.map(({ name, value }) => {
      const key = `${environment}--${name.replaceAll('_', '-')}`;
      if (value.length > 0) return { key, variables: [name], content: { kind: 'value', bytes: value } };
      const reason = 'this store takes no empty value';
      return { key, variables: [name], content: { kind: 'refused', reason, refusals: [{ variable: name, reason }] } };
    });
  }

  async read(environment: string, keys: readonly string[], calls: ReadCalls): Promise<ObservedTarget> {
    const { owner, hash } = this.#context;
    const names = await calls.read((signal) => this.#cloud.call('list', signal, () => this.#cloud.marked.get(environment) ?? []));
    const observed = [];
    for (const name of new Set([...keys, ...names])) {
      const stamp = this.#cloud.secrets.get(name)?.stamp;
      const ours = stamp?.mirror === owner.mirror && stamp.clusterId === owner.clusterId && stamp.environment === environment;
      if (!ours && !keys.includes(name)) continue;
      const secret = await calls.read((signal) => this.#cloud.call(`read ${name}`, signal, () => this.#cloud.secrets.get(name)));
      if (secret === undefined) continue;
      const stamps = secret.stamp === null ? [] : [secret.stamp];
      observed.push({ key: name, stamps, landed: true, valueHash: hash(secret.bytes), version: String(secret.version) });
    }
    return { keys: observed };
  }

  async apply(steps: readonly Step[], calls: WriteCalls): Promise<readonly StepResult[]> {
    return Promise.all(
      steps.map(async (step) => {
        try {
          return { key: step.key, failure: null, version: await calls.write((signal) => this.#carryOut(step, signal)) };
        } catch (error) {
          if (!(error instanceof TargetError)) throw error;
          return { key: step.key, failure: error.failure, version: '' };
        }
      }),
    );
  }

  async countOwned(calls: ReadCalls): Promise<number> {
    const { owner } = this.#context;
    const secrets = await calls.read((signal) => this.#cloud.call('list', signal, () => [...this.#cloud.secrets.values()]));
    return secrets.filter(({ stamp }) => stamp?.mirror === owner.mirror).length;
  }

  async *ownedEnvironments(calls: ReadCalls): AsyncGenerator<string> {
    const secrets = await calls.read((signal) => this.#cloud.call('list', signal, () => [...this.#cloud.secrets.values()]));
    const ours = secrets.filter(({ stamp }) => stamp?.mirror === this.#context.owner.mirror);
    yield* new Set(ours.map(({ stamp }) => stamp!.environment));
  }

  async close(): Promise<void> {}

  #carryOut(step: Step, signal: AbortSignal): Promise<string> {
    const { key } = step;
    switch (step.kind) {
      case 'write':
        return this.#cloud.call(`write ${key}`, signal, () => this.#cloud.put(key, step.bytes, step.stamp));
      case 'mark':
        return this.#cloud.call(`tag ${key}`, signal, () =>
          this.#cloud.put(key, this.#cloud.secrets.get(key)!.bytes, step.stamp),
        );
      case 'delete':
        return this.#cloud.call(`delete ${key}`, signal, () => {
          this.#cloud.secrets.delete(key);
          return '';
        });
      default:
        return unreachable(step);
    }
  }
}
