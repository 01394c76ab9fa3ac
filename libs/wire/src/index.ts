export * from './gen/envcli/v1/cluster_pb.ts';
export * from './gen/envcli/v1/common_pb.ts';
export * from './gen/envcli/v1/environments_pb.ts';
export * from './gen/envcli/v1/mirrors_pb.ts';
export * from './gen/envcli/v1/sessions_pb.ts';
export * from './gen/google/rpc/error_details_pb.ts';
export { type Status, StatusSchema } from './gen/google/rpc/status_pb.ts';
export { Health } from './gen/grpc/health/v1/health_pb.ts';
export { grpcService, reflected } from './grpc-service.ts';
