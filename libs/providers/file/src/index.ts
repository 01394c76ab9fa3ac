export { type FolderProblem, openFileTarget, problemOfFileTarget } from './file-provider.ts';
export { type FileDefinition, fileDefinition, fileProviderName, type FileTarget, fileTargetOf } from './file-target.ts';
export type { FileFormatName } from './format.ts';
