import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  ChangeKind,
  type ChangeSchema,
  type EnvironmentSchema,
  type PipelineCall,
  type WatchResponseSchema,
} from '@env-cli/wire';

import type { Reason } from '../reasons.ts';
import { refusal, TwinMember, TwinState, type WatchCallStream } from './twin.ts';

type Response = MessageInitShape<typeof WatchResponseSchema>;
type Variable = NonNullable<MessageInitShape<typeof EnvironmentSchema>['variables']>[number];
type Change = MessageInitShape<typeof ChangeSchema>;

/** One environment of a twin, with its history, as a member shows it to whoever reads and watches. */
export class LiveMember {
  readonly name: string;
  member!: TwinMember;
  clusterId = 'c1';
  epoch = 1;
  revision = 0;
  /** The oldest revision at which a watch may begin. */
  oldestWatch = 1;
  /** Each state by its revision; null: it was deleted. */
  readonly states = new Map<number, { readonly version: number; readonly variables: Map<string, Variable> } | null>();
  readonly #changes: (Change & { readonly revision: bigint })[] = [];
  readonly #watchers = new Set<(response: Response) => void>();
  /** What a read is refused with, one after the other. */
  readonly refusals: Reason[] = [];
  reads = 0;
  /** The options of the reads, in their order. */
  readonly asked: { readonly revision: number; readonly token: string }[] = [];
  /** Where watches were to begin, in their order. */
  readonly watchedFrom: number[] = [];
  /** Watches do not begin until they are released. */
  holdsWatches = false;
  readonly #held: (() => void)[] = [];
  onRead: () => void = () => undefined;
  onWatch: () => void = () => undefined;
  /** Reads are kept waiting. */
  silent = false;

  private constructor(name: string) {
    this.name = name;
  }

  static async start(name: string, address?: string): Promise<LiveMember> {
    const live = new LiveMember(name);
    await live.restart(address);
    return live;
  }

  /** Begins to serve, also again after `member.stop()`. */
  async restart(address?: string): Promise<void> {
    const script = {
      pipeline: (stream: Parameters<TwinMember['answer']>[0], { calls }: { calls: PipelineCall[] }, member: TwinMember): void => {
        if (this.silent) return;
        member.answer(
          stream,
          calls.map((call) => ({ id: call.id, result: this.#read(call) })),
        );
        this.onRead();
      },
      watch: (stream: WatchCallStream, request: Parameters<NonNullable<TwinMember['script']['watch']>>[1]): void => {
        if (request.action.case !== 'start') return;
        const { startRevision, resumeToken } = request.action.value;
        this.watchedFrom.push(Number(startRevision));
        const send = (response: Response): unknown => stream.write({ watchId: request.watchId, ...response });
        this.#held.push(() => this.#watch(send, Number(startRevision), resumeToken));
        if (!this.holdsWatches) this.releaseWatches();
      },
      unary: { 'Cluster.Status': () => ({ clusterId: this.clusterId, epoch: BigInt(this.epoch) }) },
    };
    this.member = await TwinMember.start(new TwinState(), script, address);
  }

  /** Lets watches begin. */
  releaseWatches(): void {
    this.holdsWatches = false;
    for (const begin of this.#held.splice(0)) begin();
    this.onWatch();
  }

  /** Makes these its variables, and tells whoever watches. */
  set(values: Readonly<Record<string, string | { readonly secret: string }>>, tell = true): void {
    const before = this.states.get(this.revision) ?? null;
    this.revision++;
    const variables = new Map(
      Object.entries(values).map(([name, value]): [string, Variable] => {
        const [text, secret] = typeof value === 'string' ? [value, false] : [value.secret, true];
        return [name, { name, value: text, secret, valueBytes: BigInt(text.length), modifyRevision: BigInt(this.revision) }];
      }),
    );
    const version = (before?.version ?? 0) + 1;
    this.states.set(this.revision, { version, variables });
    const names = new Set([...(before?.variables.keys() ?? []), ...variables.keys()]);
    const changed = [...names].map((name) => {
      const [from, to] = [before?.variables.get(name), variables.get(name)];
      return { name, ...(from && { before: from }), ...(to && { after: to }) };
    });
    this.#record(
      before === null ? ChangeKind.CREATED : ChangeKind.UPDATED,
      { version: BigInt(version), variables: changed },
      tell,
    );
  }

  delete(): void {
    this.revision++;
    this.states.set(this.revision, null);
    this.#record(ChangeKind.DELETED, {}, true);
  }

  /** Tells watchers that it left what they watch. */
  leave(): void {
    this.revision++;
    this.states.set(this.revision, this.states.get(this.revision - 1) ?? null);
    this.#record(ChangeKind.LEFT, {}, true);
  }

  /** Ends every watch with a refusal. */
  endWatches(reason: Reason): void {
    for (const send of this.#watchers) send({ event: { case: 'ended', value: { status: refusal(reason) } } });
    this.#watchers.clear();
  }

  /** Restores what it was at a revision, in a new epoch, and throws every watcher out. */
  restore(revision: number): void {
    const state = this.states.get(revision)!;
    const at = this.revision + 1000;
    this.states.clear();
    this.#changes.length = 0;
    this.states.set(revision, state);
    this.epoch++;
    this.revision = at;
    this.oldestWatch = at;
    this.endWatches('STATE_REPLACED');
  }

  #record(kind: ChangeKind, rest: Change, tell: boolean): void {
    const change = { kind, environment: this.name, revision: BigInt(this.revision), ...rest };
    this.#changes.push(change);
    if (tell) for (const send of this.#watchers) send(this.#told([change], this.revision));
  }

  #told(changes: readonly Change[], revision: number): Response {
    return {
      event: { case: 'changes', value: { changes: [...changes] } },
      revision: BigInt(revision),
      resumeToken: this.#tokenAt(revision),
    };
  }

  #tokenAt(revision: number): string {
    return `e${this.epoch}r${revision}`;
  }

  #read({ call }: PipelineCall): NonNullable<Parameters<TwinMember['answer']>[1][number]['result']> {
    if (call.case !== 'get') return { case: 'error', value: refusal('INTERNAL') };
    this.reads++;
    const { token = '', revision = 0n } = call.value.options ?? {};
    this.asked.push({ revision: Number(revision), token });
    const refused = this.refusals.shift();
    if (refused !== undefined) return { case: 'error', value: refusal(refused) };
    const upTo = revision === 0n ? this.revision : Number(revision);
    const at = [...this.states.keys()].filter((each) => each <= upTo).at(-1);
    const state = at === undefined ? null : this.states.get(at)!;
    if (state === null || call.value.name !== this.name) return { case: 'error', value: refusal('ENVIRONMENT_NOT_FOUND') };
    const environment = {
      name: this.name,
      variables: [...state.variables.values()].toSorted((a, b) => (a.name! < b.name! ? -1 : 1)),
      modifyRevision: BigInt(at!),
      createRevision: 1n,
      version: BigInt(state.version),
    };
    return { case: 'get', value: { environment } as never };
  }

  #watch(send: (response: Response) => void, startRevision: number, resumeToken: string): void {
    const [, epoch, resumed] = /^e(\d+)r(\d+)$/.exec(resumeToken) ?? [];
    const ended = (reason: Reason, facts = {}): void =>
      send({ event: { case: 'ended', value: { status: refusal(reason, facts) } } });
    if (epoch !== undefined && Number(epoch) !== this.epoch) {
      ended('EPOCH_CHANGED');
      return;
    }
    const first = resumed === undefined ? startRevision || this.revision + 1 : Number(resumed) + 1;
    send({
      event: { case: 'started', value: { startRevision: BigInt(first) } },
      revision: BigInt(first - 1),
      resumeToken: this.#tokenAt(first - 1),
    });
    if (first < this.oldestWatch) {
      ended('COMPACTED', { asked: String(first), oldest: String(this.oldestWatch) });
      return;
    }
    const missed = this.#changes.filter(({ revision }) => Number(revision) >= first);
    if (missed.length > 0) send(this.#told(missed, this.revision));
    this.#watchers.add(send);
  }
}
