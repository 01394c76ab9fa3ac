import 'reflect-metadata';
import { type ArgumentsHost, Catch, type LoggerService, type RpcExceptionFilter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';

import { PulledServer, type PulledServerOptions } from './rpc/pulled-server.ts';
import { ServerModule } from './server.module.ts';
import type { ApiServices } from './services.ts';

/** Hands errors on as they are: what a client is told is decided in one place, where the call ends. */
@Catch()
class PassOn implements RpcExceptionFilter {
  catch(exception: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => exception);
  }
}

/** The API, as it listens. */
export interface ListeningApi {
  readonly port: number;
  /** Takes no more calls, and resolves when those that are under way have ended, or were ended. */
  close(): Promise<void>;
}

/** Serves the API through Nest. Rejects when the address cannot be listened on. */
export async function listen(services: ApiServices, options: PulledServerOptions, logger: LoggerService): Promise<ListeningApi> {
  const strategy = new PulledServer(options);
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(ServerModule.on(services), { strategy, logger });
  app.useGlobalFilters(new PassOn());
  await app.listen();
  return { port: strategy.port, close: () => app.close() };
}
