export type { LogContents, LogStore, LogWrite } from './ports.ts';
