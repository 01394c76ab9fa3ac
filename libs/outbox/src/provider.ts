import type {
  Failure,
  FailureClass,
  MirrorDefinition,
  ObservedKey,
  ObservedTarget,
  StampOwner,
  Step,
  StepResult,
  VariableRefusal,
} from '@env-cli/mirroring';
import { encodeUtf8 } from '@env-cli/support';

/**
 * One mirror's target, through one SDK. An adapter fills it; the worker decides everything: what is written, how fast, how often.
 *
 * Every call to the target goes through the {@link ReadCalls} or {@link WriteCalls} that it is given, one remote call each, so
 * that the rate, the time limits and the end of a reign hold for all of them. Failures are thrown as {@link TargetError}. No
 * value, and no part of one, enters an error.
 */
export interface CloudProvider {
  readonly limits: TargetLimits;
  /**
   * How an environment looks at this target: a key for each variable, or one for all. Makes no call. Names and values that
   * the target does not take are refused here, before anything is written.
   */
  render(environment: string, variables: readonly PlainVariable[]): readonly RenderedKey[];
  /**
   * What is at the target: the given keys, and whatever else carries this mirror's stamp for this environment. Rejects unless
   * it saw all of it.
   */
  read(environment: string, keys: readonly string[], calls: ReadCalls): Promise<ObservedTarget>;
  /**
   * Carries steps out, in any order, and tells what became of each. One that fails does not stop the others. What a step
   * replaces is `step.found`; if something else is there by now, the step fails as `conflict`.
   */
  apply(steps: readonly Step[], calls: WriteCalls): Promise<readonly StepResult[]>;
  /** Keys with this mirror's stamp in the whole target, for the delete brake. */
  countOwned(calls: ReadCalls): Promise<number>;
  /** Names of the environments with this mirror's stamp at the target, each once, in any order. */
  ownedEnvironments(calls: ReadCalls): AsyncIterable<string>;
  /**
   * What somebody else put into a key of ours, as variables, for an import; null: it is nothing that variables could hold. `found` is
   * what the read before saw; if something else is there by now it fails as `conflict`. `variables`: those that the key carries. A
   * target that lacks this cannot be imported from.
   */
  imported?(
    key: string,
    found: ObservedKey,
    variables: readonly string[],
    calls: ReadCalls,
  ): Promise<readonly ImportedVariable[] | null>;
  /** Frees what it holds. Called once, after the last call ended. */
  close(): Promise<void>;
}

/** Makes the provider of a mirror. Throws {@link TargetError} (class `refused`) when the definition's options make no target. */
export type OpenProvider = (definition: MirrorDefinition, context: ProviderContext) => CloudProvider;

/** What a provider needs beside its options. */
export interface ProviderContext {
  /** Whose stamps are ours. */
  readonly owner: StampOwner;
  readonly hash: KeyedHash;
}

/**
 * A keyed hash of bytes, in lower-case hexadecimal digits; the same on every member and at every start, else everything at the
 * targets would look foreign. HMAC-SHA-256 with a key derived from the cluster's hash key will do.
 */
export type KeyedHash = (bytes: Uint8Array) => string;

/**
 * The hash by which a content is compared: of its bytes, and of the attributes with which the target keeps it (empty: none). A
 * provider hashes so what it finds.
 */
export function contentHash(hash: KeyedHash, bytes: Uint8Array, attributes: string): string {
  if (attributes === '') return hash(bytes);
  const head = encodeUtf8(`${attributes}\0`);
  const all = new Uint8Array(head.length + bytes.length);
  all.set(head);
  all.set(bytes, head.length);
  return hash(all);
}

/** A variable as an import found it at a target. */
export interface ImportedVariable {
  readonly name: string;
  /** UTF-8. */
  readonly value: Uint8Array;
}

/** A rate of calls. */
export interface CallRate {
  /** Calls a second in the long run. */
  readonly callsPerSecond: number;
  /** Calls at once after a rest. */
  readonly callsBurst: number;
}

/** How often one key may be written. */
export interface KeyWriteRate {
  /** Writes at once after a rest; from 1. */
  readonly writesBurst: number;
  /** In the long run, one write in so many milliseconds; above 0. */
  readonly intervalMs: number;
}

/** What a target bears. */
export interface TargetLimits extends CallRate {
  /** The longest that one call may take, in milliseconds. A new leader waits that long before it writes. */
  readonly callMsMax: number;
  /** Rates of calls that the target counts apart, by the name under which the provider makes them. The others share the rate above. */
  readonly meters?: Readonly<Record<string, CallRate>>;
  /** Whose rates these are, where several mirrors draw on the same (an account and region). Empty or absent: this mirror's alone. */
  readonly quota?: string;
  /** How often one key may be written: what is more waits, and is then written as it is by then. Absent: as often as it changes. */
  readonly keyWrites?: KeyWriteRate;
  /** Deliveries at once. */
  readonly deliveriesMax: number;
  /**
   * Whether each member has a target of its own (a folder on its disk). Then a new leader finds another state than the last one
   * reported, and compares everything when it begins.
   */
  readonly perMember: boolean;
}

/** A variable as it is to be delivered: opened, with references resolved. */
export interface PlainVariable {
  readonly name: string;
  /** UTF-8. */
  readonly value: Uint8Array;
  readonly secret: boolean;
}

/** A key as the target is to hold it, or why it cannot: as a whole, or because of the variables that `refusals` names. */
export interface RenderedKey {
  readonly key: string;
  /** The variables that it carries, sorted. */
  readonly variables: readonly string[];
  readonly content:
    /** `attributes`: how the target keeps it beside its bytes; defaults to the empty text, for the one way that there is. */
    | { readonly kind: 'value'; readonly bytes: Uint8Array; readonly attributes?: string }
    | {
        readonly kind: 'refused';
        readonly reason: string;
        readonly refusals: readonly VariableRefusal[];
        /** The mirror's policy is to go without it. Defaults to false. */
        readonly skipped?: boolean;
        /**
         * The key with all that it can hold, and for the variables of `refusals` with what this mirror wrote before, if that is still there:
         * that a value cannot be written is no word that its variable is to go. Reads the target. Absent: the key is written whole or
         * not at all, as is one that is `skipped`.
         */
        readonly asFarAsPossible?: (calls: ReadCalls) => Promise<PartlyRendered>;
      };
}

/** A key that lacks the newest value of some variables. */
export interface PartlyRendered {
  readonly bytes: Uint8Array;
  /** As in {@link RenderedKey}. */
  readonly attributes?: string;
  /** What is wrong with the key, in one sentence. */
  readonly reason: string;
  /** The variables that it lacks, and what it holds in their place. */
  readonly refusals: readonly VariableRefusal[];
}

/** The way to a target for calls that change nothing there. */
export interface ReadCalls {
  /**
   * Makes one remote call: waits for its turn, then runs `call` under a time limit. The signal fires at that limit, or when the
   * delivery is given up; `call` heeds it as soon as it can. Rejects with what `call` threw, as a {@link TargetError}. `meter` is one of
   * the target's `meters`.
   */
  read<T>(call: (signal: AbortSignal) => Promise<T>, meter?: string): Promise<T>;
}

/** The way to a target for calls that change something. A dry run has none. */
export interface WriteCalls extends ReadCalls {
  /** As `read`, for a call that may change something. Never begun after the delivery was given up. */
  write<T>(call: (signal: AbortSignal) => Promise<T>, meter?: string): Promise<T>;
}

/** How a call at a target failed. `message` says what and where, and holds no value. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
  readonly class: FailureClass;
  /** As the target asked, in milliseconds; null when it did not. */
  readonly retryAfterMs: number | null;

  constructor(failureClass: FailureClass, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.class = failureClass;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same as data. */
  get failure(): Failure {
    return { class: this.class, message: this.message, retryAfterMs: this.retryAfterMs };
  }
}
