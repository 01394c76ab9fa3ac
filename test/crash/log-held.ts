import { LogFile } from '@env-cli/log-file';
import type { Entry, Index } from '@env-cli/raft';
import { logOpening } from './log-opening.ts';
import { dataOf, type LogModel } from './log-story.ts';

/** Null when the log in a directory is as after one of the requests that were asked, and not before the last that was acknowledged. */
export async function whatHolds(
  image: string,
  models: readonly LogModel[],
  { stored, asked }: { stored: number; asked: number },
): Promise<string | null> {
  let log: LogFile;
  try {
    log = await LogFile.open({
      ...logOpening(image),
      createIfEmpty: false,
      onFailure: (failure) => {
        throw failure;
      },
    });
  } catch (error) {
    return String(error);
  }
  try {
    const { hardState, lastIndex, previous } = log.contents;
    const entries = await allEntries(log);
    const damaged = entries.find(({ index, term, data }) => Buffer.compare(data, dataOf(index, term)) !== 0);
    if (damaged !== undefined) return `entry ${damaged.index} of term ${damaged.term} has other data`;
    const fits = models.slice(stored, asked + 1).some((model) => {
      const held = [...model.terms].filter(([index]) => index > previous.index);
      return (
        lastIndex === model.lastIndex &&
        hardState.term === model.hardState.term &&
        hardState.votedFor === model.hardState.votedFor &&
        previous.index <= model.released &&
        held.length === entries.length &&
        entries.every(({ index, term }) => model.terms.get(index) === term)
      );
    });
    return fits ? null : `found ${JSON.stringify(log.contents)} and ${entries.length} entries`;
  } finally {
    await log.close();
  }
}

async function allEntries(log: LogFile): Promise<Entry[]> {
  const all: Entry[] = [];
  for (let from = log.contents.previous.index + 1; from <= log.contents.lastIndex; from += 0) {
    const some = await new Promise<Entry[]>((resolve) => {
      log.read(from as Index, (log.contents.lastIndex + 1) as Index, 2 ** 20, resolve);
    });
    if (some.length === 0) break;
    all.push(...some);
    from += some.length;
  }
  return all;
}
