import { Cluster, Environments, ErrorInfoSchema, Health, Mirrors, reflected, Sessions } from '@env-cli/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

/** The services of the API. */
export const apiServices = [Environments, Sessions, Mirrors, Cluster] as const;

/** `grpc.health.v1.Health`: whether calls may be sent here. */
export class HealthService {
  readonly #health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'NOT_SERVING'])));

  addTo(server: Server): void {
    this.#health.addToServer(server);
  }

  set(serving: boolean): void {
    for (const name of names) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }
}

/** The empty name stands for the whole server. */
const names = ['', ...apiServices.map((service) => service.typeName)];

/** Lets tools such as grpcurl ask which services and messages there are, those in the details of errors among them. */
export function addReflection(server: Server): void {
  const definition = Object.assign({}, ...[...apiServices, Health, ErrorInfoSchema].map(reflected)) as ConstructorParameters<
    typeof ReflectionService
  >[0];
  new ReflectionService(definition).addToServer(server);
}
