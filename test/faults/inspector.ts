/** The longest that the inspector may take to answer, blocked threads apart. */
const answerMsMax = 15_000;

/** Threads of a member, by the titles that its workers have; `main` is the one that serves the API. */
export const threads = ['main', 'consensus-worker', 'apply-worker'] as const;

export type ThreadName = (typeof threads)[number];

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly workerInfo?: { readonly title?: string; readonly url?: string } };
}

/** Where the last process of a log that was started with `--inspect` says that it listens; null as long as it has not. */
export function inspectorAddress(log: string): string | null {
  return [...log.matchAll(/Debugger listening on (ws:\/\/\S+)/g)].at(-1)?.[1] ?? null;
}

/**
 * Blocks the event loop of one thread of a process, as a long computation would: nothing of it runs for that long. Resolves when
 * it runs again. Rejects when the process ends meanwhile.
 */
export async function blockThread(address: string, thread: ThreadName, blockMs: number): Promise<void> {
  const inspector = await Inspector.open(address, answerMsMax + blockMs);
  try {
    // Asleep and not busy: the other processes on this machine keep its processors.
    const expression = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${blockMs})`;
    if (thread === 'main') await inspector.call('Runtime.evaluate', { expression });
    else await inspector.callWorker(thread, 'Runtime.evaluate', { expression });
  } finally {
    inspector.close();
  }
}

/** A connection to Node's inspector (https://nodejs.org/api/inspector.html), as far as it is needed here. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #sessions: { readonly name: string; readonly sessionId: string }[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #onSession: () => void = () => undefined;
  #lastId = 0;

  static async open(address: string, timeoutMs: number): Promise<Inspector> {
    const inspector = new Inspector(new WebSocket(address));
    inspector.#failed.promise.catch(() => undefined);
    const timer = setTimeout(() => inspector.#fail(`the inspector did not answer within ${timeoutMs} ms`), timeoutMs);
    inspector.#socket.addEventListener('close', () => clearTimeout(timer));
    const opened = new Promise<void>((resolve) => inspector.#socket.addEventListener('open', () => resolve()));
    await inspector.#or(opened);
    return inspector;
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Answer));
    socket.addEventListener('close', () => this.#fail('the inspector closed the connection'));
    socket.addEventListener('error', () => this.#fail('the inspector cannot be reached'));
  }

  async call(method: string, params: object): Promise<void> {
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    await this.#or(answered);
  }

  /** A call to a worker, which is found by the name that it was given. */
  async callWorker(name: string, method: string, params: object): Promise<void> {
    const found = new Promise<string>((resolve) => {
      this.#onSession = () => {
        const session = this.#sessions.find((one) => one.name === name);
        if (session !== undefined) resolve(session.sessionId);
      };
    });
    await this.call('NodeWorker.enable', { waitForDebuggerOnStart: false });
    const sessionId = await this.#or(found);
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    await this.call('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method, params }) });
    await this.#or(answered);
  }

  close(): void {
    this.#socket.close();
  }

  #or<T>(wanted: Promise<T>): Promise<T> {
    return Promise.race([wanted, this.#failed.promise]);
  }

  #fail(what: string): void {
    this.#failed.reject(new Error(what));
  }

  #take(answer: Answer & { readonly params?: { readonly message?: string } }): void {
    if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    if (answer.method === 'NodeWorker.attachedToWorker') {
      const { sessionId = '', workerInfo } = answer.params ?? {};
      // Titles are `[worker 1] consensus-worker`.
      this.#sessions.push({ name: /(\S+)$/.exec(workerInfo?.title ?? '')?.[1] ?? '', sessionId });
      this.#onSession();
    }
    if (answer.method === 'NodeWorker.receivedMessageFromWorker')
      this.#take(JSON.parse(answer.params?.message ?? '{}') as Answer);
  }
}
