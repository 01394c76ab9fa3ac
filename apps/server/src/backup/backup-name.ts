/** A backup in a folder of backups, as its name tells. */
export interface NamedBackup {
  readonly name: string;
  /** When it was taken, milliseconds since 1970, to the second. */
  readonly takenAtMs: number;
}

/** Digits of the cluster's id in a name: enough to keep the backups of several clusters in one folder apart. */
const clusterDigits = 8;

/** `env-cli-3f9a01bc-20261126T153012Z-r0000000000004711.backup`: names sort by time. */
export function backupName(clusterId: string, takenAtMs: number, revision: number): string {
  const time = new Date(takenAtMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `env-cli-${clusterId.slice(0, clusterDigits)}-${time}-r${String(revision).padStart(16, '0')}.backup`;
}

const pattern = /^env-cli-([0-9a-f]{8})-(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-r\d{16}\.backup$/;

/** The backups of a cluster among the names of a folder, newest first. */
export function backupsAmong(names: readonly string[], clusterId: string): NamedBackup[] {
  return names
    .flatMap((name) => {
      const [, cluster, year, month, day, hour, minute, second] = pattern.exec(name) ?? [];
      if (cluster !== clusterId.slice(0, clusterDigits)) return [];
      return [{ name, takenAtMs: Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) }];
    })
    .toSorted((a, b) => (a.name < b.name ? 1 : -1));
}

/** What is kept of a folder's backups. */
export interface Retention {
  /** At most so many; 0: any number. */
  readonly keepCount: number;
  /** None that is older, in milliseconds; 0: of any age. */
  readonly keepMs: number;
}

/** Those that go, of all that there are. The newest never does. */
export function superfluous(backups: readonly NamedBackup[], { keepCount, keepMs }: Retention, nowMs: number): NamedBackup[] {
  return backups.filter(
    ({ takenAtMs }, place) => place > 0 && ((keepCount > 0 && place >= keepCount) || (keepMs > 0 && nowMs - takenAtMs > keepMs)),
  );
}
