export { openAwsTarget } from './aws-provider.ts';
export { type AwsDefinition, awsDefinition, isAwsStore } from './aws-target.ts';
export type { AwsSettings } from './credentials.ts';
export { type AwsStore, type TargetOption, targetOptions } from './target-options.ts';
