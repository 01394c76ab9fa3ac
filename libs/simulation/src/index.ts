export { type Run, type RunOptions, simulate } from './simulate.ts';
export { runSeeds, type Seeds, type SeedsOptions } from './seeds.ts';
