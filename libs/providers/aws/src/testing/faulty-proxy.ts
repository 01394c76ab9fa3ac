import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one call on its way: it passes, or goes wrong as a service or a network does. */
export type Fate =
  | { readonly kind: 'pass' }
  /** The service asks for fewer calls, and says for how long if it is told to. */
  | { readonly kind: 'throttle'; readonly retryAfterSeconds?: number }
  /** A fault of the service. */
  | { readonly kind: 'fail'; readonly status: number; readonly type: string; readonly message: string }
  /** The connection ends before the service has heard of the call, or after it has done it. */
  | { readonly kind: 'cut-before' | 'cut-after' }
  /** It passes, and its answer is changed on the way back. */
  | { readonly kind: 'rewrite'; readonly answer: (body: string) => string }
  /** It passes once this is done. */
  | { readonly kind: 'delay'; readonly until: Promise<void> };

/** A call as it came by. */
export interface SeenCall {
  /** Such as `PutParameter`; `STS` for the one service that writes otherwise. */
  readonly operation: string;
  /** `Name`, `SecretId` or the like; empty where there is none. */
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const pass: Fate = { kind: 'pass' };

/** Stands on the loopback interface between a client and an emulator, and makes things go wrong on purpose. */
export class FaultyProxy {
  readonly calls: SeenCall[] = [];
  /** Decides what happens to each call. */
  fate: (call: SeenCall) => Fate = () => pass;
  readonly #server: Server;
  readonly #emulatorPort: number;
  /** Its connections end with the proxy: a call that was cut off must not outlive the test in one of them. */
  readonly #outward = new Agent({ keepAlive: true });

  private constructor(emulatorPort: number) {
    this.#emulatorPort = emulatorPort;
    this.#server = createServer((incoming, outgoing) => {
      // Either side may be gone before a call is through: then the other is told so by the end of its connection.
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async before(emulatorPort: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(emulatorPort);
    await new Promise<void>((ready) => proxy.#server.listen(0, '127.0.0.1', () => ready()));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Operations that came by, those of an interest only. */
  operations(...of: readonly string[]): string[] {
    return this.calls.map(({ operation }) => operation).filter((operation) => of.length === 0 || of.includes(operation));
  }

  /** Calls that change something. */
  writes(): SeenCall[] {
    return this.calls.filter(({ operation }) => !/^(Get|Batch|List|Describe|STS)/.test(operation));
  }

  reset(): void {
    this.calls.length = 0;
    this.fate = () => pass;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#outward.destroy();
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const asked = Buffer.concat(chunks);
    const call = seenCall(incoming, asked);
    this.calls.push(call);
    const fate = this.fate(call);
    switch (fate.kind) {
      case 'throttle': {
        const headers = fate.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fate.retryAfterSeconds) };
        return answer(outgoing, 400, { __type: 'ThrottlingException', message: 'Rate exceeded' }, headers);
      }
      case 'fail':
        return answer(outgoing, fate.status, { __type: fate.type, message: fate.message }, {});
      case 'cut-before':
        outgoing.destroy();
        return;
      case 'delay':
        await fate.until;
        break;
      case 'pass':
      case 'cut-after':
      case 'rewrite':
        break;
    }
    const passed = await this.#passed(incoming, asked);
    if (fate.kind === 'cut-after') {
      outgoing.destroy();
      return;
    }
    const body = fate.kind === 'rewrite' ? fate.answer(passed.body.toString()) : passed.body;
    outgoing.writeHead(passed.status, passed.headers).end(body);
  }

  #passed(
    incoming: IncomingMessage,
    body: Buffer,
  ): Promise<{ readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer }> {
    const { method = 'POST', url = '/', headers } = incoming;
    return new Promise((resolve, reject) => {
      const outward = request(
        { host: '127.0.0.1', port: this.#emulatorPort, method, path: url, headers, agent: this.#outward },
        (answered) => {
          const chunks: Buffer[] = [];
          answered.on('data', (chunk: Buffer) => chunks.push(chunk));
          answered.on('error', reject);
          answered.on('end', () => {
            const type = answered.headers['content-type'] ?? 'application/x-amz-json-1.1';
            resolve({ status: answered.statusCode ?? 500, headers: { 'content-type': type }, body: Buffer.concat(chunks) });
          });
        },
      );
      outward.on('error', reject);
      outward.end(body);
    });
  }
}

function answer(outgoing: ServerResponse, status: number, body: object, headers: Record<string, string>): void {
  outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers }).end(JSON.stringify(body));
}

function seenCall(incoming: IncomingMessage, body: Buffer): SeenCall {
  const target = String(incoming.headers['x-amz-target'] ?? '');
  if (target === '') return { operation: 'STS', key: '', body: Object.fromEntries(new URLSearchParams(body.toString())) };
  const parsed = JSON.parse(body.toString() || '{}') as Record<string, unknown>;
  const key = parsed['Name'] ?? parsed['SecretId'] ?? parsed['ResourceId'] ?? parsed['Path'] ?? '';
  return { operation: target.slice(target.indexOf('.') + 1), key: typeof key === 'string' ? key : '', body: parsed };
}
