import type { MirrorDefinition, ObservedKey, ObservedTarget, Step, StepResult } from '@env-cli/mirroring';
import {
  type CloudProvider,
  type ImportedVariable,
  type PlainVariable,
  type ProviderContext,
  type ReadCalls,
  type RenderedKey,
  TargetError,
  type TargetLimits,
  type WriteCalls,
} from '@env-cli/outbox';

import { type AwsTarget, awsTargetOf, isAwsStore } from './aws-target.ts';
import type { AwsSettings } from './credentials.ts';
import { render, type StoreRules } from './rendering.ts';
import { faceOf, type StoreCalls } from './stores.ts';
import type { AwsStore } from './target-options.ts';

/** Opens the store of a mirror to AWS. Throws {@link TargetError} (`refused`) when the definition names none. */
export function openAwsTarget(
  definition: Pick<MirrorDefinition, 'provider' | 'options' | 'layout'>,
  context: ProviderContext,
  settings: AwsSettings,
): CloudProvider {
  const { provider } = definition;
  if (!isAwsStore(provider)) throw new TargetError('refused', `${provider} is no store of AWS`);
  const target = awsTargetOf(definition);
  return new AwsProvider(provider, target, () => loadStore(provider, target, context, settings));
}

/** The SDK costs a member most of a second and 40 MB: it is loaded with the first call of the first mirror that needs it. */
async function loadStore(
  store: AwsStore,
  target: AwsTarget,
  context: ProviderContext,
  settings: AwsSettings,
): Promise<StoreCalls> {
  const { clientsOf } = await import('./clients.ts');
  const clients = clientsOf(target, context.owner.mirror, settings);
  if (store === 'aws-ssm') return new (await import('./ssm-calls.ts')).SsmCalls(target, context, clients);
  return new (await import('./secrets-calls.ts')).SecretsCalls(target, context, clients);
}

/** A store of AWS: what can be said without a call is said at once, the rest by {@link StoreCalls}. */
class AwsProvider implements CloudProvider {
  readonly limits: TargetLimits;
  readonly #target: AwsTarget;
  readonly #rules: StoreRules;
  readonly #load: () => Promise<StoreCalls>;
  #loaded: Promise<StoreCalls> | null = null;

  constructor(store: AwsStore, target: AwsTarget, load: () => Promise<StoreCalls>) {
    const { limits, rules } = faceOf(store, target);
    this.limits = limits;
    this.#target = target;
    this.#rules = rules;
    this.#load = load;
  }

  render(environment: string, variables: readonly PlainVariable[]): readonly RenderedKey[] {
    return render(this.#target, this.#rules, environment, variables);
  }

  async read(environment: string, keys: readonly string[], calls: ReadCalls): Promise<ObservedTarget> {
    return (await this.#store()).read(environment, keys, calls);
  }

  async apply(steps: readonly Step[], calls: WriteCalls): Promise<readonly StepResult[]> {
    return (await this.#store()).apply(steps, calls);
  }

  async imported(
    key: string,
    found: ObservedKey,
    variables: readonly string[],
    calls: ReadCalls,
  ): Promise<readonly ImportedVariable[] | null> {
    return (await this.#store()).imported(key, found, variables, calls);
  }

  async countOwned(calls: ReadCalls): Promise<number> {
    return (await this.#store()).countOwned(calls);
  }

  async *ownedEnvironments(calls: ReadCalls): AsyncGenerator<string> {
    yield* (await this.#store()).ownedEnvironments(calls);
  }

  async close(): Promise<void> {
    await (await this.#loaded)?.close();
  }

  #store(): Promise<StoreCalls> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }
}
