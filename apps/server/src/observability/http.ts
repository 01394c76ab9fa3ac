import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import type { TlsIdentity } from '../security/tls-identity.ts';

/** Whether the member is well, and why not. */
export interface Verdict {
  readonly ok: boolean;
  readonly why: string;
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** With a certificate it is served by HTTPS; who asks needs none. Null: by HTTP. */
  readonly tls: TlsIdentity | null;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** The process works; a supervisor restarts it when not. */
  readonly live: () => Verdict;
  /** Calls may be sent here. */
  readonly ready: () => Verdict;
}

/** Serves /metrics, /livez and /readyz. */
export class HttpListener {
  readonly #server: Server;
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
    const limits = { requestTimeout: 10_000, maxHeaderSize: 8_192 };
    const answerTo: RequestListener = (request, response) => {
      const answer = (code: number, text: string, contentType = 'text/plain; charset=utf-8'): void => {
        response.writeHead(code, { 'content-type': contentType }).end(text);
      };
      const verdict = ({ ok, why }: Verdict): void => answer(ok ? 200 : 503, `${why}\n`);
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET is served here\n');
      switch ((request.url ?? '').split('?').at(0)!) {
        case '/livez':
          return verdict(options.live());
        case '/readyz':
          return verdict(options.ready());
        case '/metrics':
          options.metrics().then(
            ({ contentType, text }) => answer(200, text, contentType),
            () => answer(503, 'the figures cannot be collected at this moment\n'),
          );
          return undefined;
        default:
          return answer(404, 'served here: /metrics, /livez, /readyz\n');
      }
    };
    const { tls } = options;
    if (tls === null) {
      this.#server = createServer(limits, answerTo);
      return;
    }
    const server = createSecureServer({ ...limits, cert: tls.material.cert, key: tls.material.key }, answerTo);
    tls.onReloaded(({ cert, key }) => server.setSecureContext({ cert, key }));
    this.#server = server;
  }

  /** Begins to listen; answers the port. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
