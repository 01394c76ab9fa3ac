import type { DiskFault } from './faulty.ts';

/** Where the paths of a failpoint lie. */
interface Places {
  readonly dataDir: string;
  readonly mirrorDir: string;
}

/** A named moment at which a member may die: just before a call to its disk, or just after it. */
export interface Failpoint {
  readonly name: string;
  /** Whose disk, or null: any member's. */
  readonly role: 'leader' | 'follower' | null;
  /** What has to happen besides the load for the moment to come. */
  readonly needs: 'nothing' | 'election' | 'much log' | 'outgrown log';
  /** How many such calls may pass before; drawn from 1 up to it. */
  readonly numberMax: number;
  readonly at: (places: Places) => Pick<DiskFault, 'calls' | 'pattern' | 'prelude'>;
}

const log = (dataDir: string): string => `${dataDir}/log/0*.log`;
const data = (dataDir: string): string => `${dataDir}/state-*/data.mdb`;

/** Every boundary at which something becomes durable, or goes. Production code knows nothing of it: each is a call on a path. */
export const failpoints: readonly Failpoint[] = [
  {
    name: 'log append',
    role: null,
    needs: 'nothing',
    numberMax: 20,
    at: ({ dataDir }) => ({ calls: ['write'], pattern: log(dataDir) }),
  },
  {
    name: 'log sync',
    role: null,
    needs: 'nothing',
    numberMax: 20,
    at: ({ dataDir }) => ({ calls: ['sync'], pattern: log(dataDir) }),
  },
  {
    // Term and vote are records of the log: with the leader gone, the first write of a follower is one of them, and its sync the second call.
    name: 'hard state',
    role: 'follower',
    needs: 'election',
    numberMax: 2,
    at: ({ dataDir }) => ({ calls: ['write', 'sync'], pattern: log(dataDir) }),
  },
  {
    // LMDB writes the pages of a transaction, and last the meta page that makes them count.
    name: 'apply transaction',
    role: null,
    needs: 'nothing',
    numberMax: 6,
    at: ({ dataDir }) => ({ calls: ['write'], pattern: data(dataDir) }),
  },
  {
    name: 'checkpoint sync',
    role: null,
    needs: 'nothing',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['sync'], pattern: data(dataDir) }),
  },
  {
    name: 'checkpoint write',
    role: null,
    needs: 'nothing',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['write', 'sync'], pattern: `${dataDir}/state-*/.new-*` }),
  },
  {
    name: 'checkpoint rename',
    role: null,
    needs: 'nothing',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['rename'], pattern: `${dataDir}/state-*/CHECKPOINT` }),
  },
  {
    name: 'delivery',
    role: 'leader',
    needs: 'nothing',
    numberMax: 1,
    at: ({ mirrorDir }) => ({ calls: ['rename'], pattern: `${mirrorDir}/*.env` }),
  },
  {
    // Delivered, and not yet noted: the transactions that follow take the row out of the outbox.
    name: 'outbox commit',
    role: 'leader',
    needs: 'nothing',
    numberMax: 4,
    at: ({ dataDir, mirrorDir }) => ({ calls: ['write'], pattern: data(dataDir), prelude: `${mirrorDir}/*.env` }),
  },
  {
    name: 'new log segment',
    role: null,
    needs: 'much log',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['rename'], pattern: log(dataDir) }),
  },
  {
    name: 'snapshot write',
    role: 'leader',
    needs: 'outgrown log',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['write'], pattern: `${dataDir}/spool-*` }),
  },
  {
    name: 'snapshot receive',
    role: 'follower',
    needs: 'outgrown log',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['write'], pattern: `${dataDir}/spool-*` }),
  },
  {
    // Only while a state is built is LMDB's lock file written: after its rows, before its checkpoint.
    name: 'snapshot build',
    role: 'follower',
    needs: 'outgrown log',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['write'], pattern: `${dataDir}/state-*/lock.mdb` }),
  },
  {
    name: 'snapshot install',
    role: 'follower',
    needs: 'outgrown log',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['rename'], pattern: `${dataDir}/CURRENT` }),
  },
  {
    // A segment that is done with becomes the spare file of the next one.
    name: 'log truncation',
    role: null,
    needs: 'outgrown log',
    numberMax: 1,
    at: ({ dataDir }) => ({ calls: ['rename'], pattern: `${dataDir}/log/spare` }),
  },
];
