export type { DriftPolicy, LeavePolicy, MirrorDefinition, MirrorLayout, MirrorOption } from './definition.ts';
export type { LabelDemand, LabelSelector } from './selector.ts';
