import { type DynamicModule, Module } from '@nestjs/common';

import { ClusterController } from './cluster/cluster.controller.ts';
import { MembersController } from './cluster/members.controller.ts';
import { LevelsController } from './levels/levels.controller.ts';
import { EnvironmentsController } from './environments/environments.controller.ts';
import { MirrorsController } from './mirrors/mirrors.controller.ts';
import { API, type ApiServices } from './services.ts';
import { SessionsController } from './sessions/sessions.controller.ts';

/** The API of a member: its controllers, on top of its services. */
@Module({})
export class ServerModule {
  static on(services: ApiServices): DynamicModule {
    return {
      module: ServerModule,
      controllers: [
        EnvironmentsController,
        SessionsController,
        MirrorsController,
        ClusterController,
        MembersController,
        LevelsController,
      ],
      providers: [{ provide: API, useValue: services }],
    };
  }
}
