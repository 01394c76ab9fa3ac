import type { Stamp, StampOwner } from '@env-cli/mirroring';

/** The names of the tags by which a mirror knows what it wrote. */
export const tagNames = {
  cluster: 'env-cli:cluster',
  epoch: 'env-cli:epoch',
  mirror: 'env-cli:mirror',
  environment: 'env-cli:environment',
  revision: 'env-cli:revision',
  hash: 'env-cli:hash',
  before: 'env-cli:before',
  state: 'env-cli:state',
} as const;

/** One tag, as both stores have them. */
export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** Tags as a service answers them. */
export type FoundTags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

/** What the tags of a key say. */
export interface TagReading {
  /** What is there first, and what was written or begun last behind it; none: nobody marked it. */
  readonly stamps: readonly Stamp[];
  /** The mirror itself asked for its deletion. */
  readonly deleting: boolean;
}

/**
 * The stamp of a value that is about to be written. An update cannot carry tags in both stores, so the tags go first and say what
 * is replaced as well: whichever of the two values a crash leaves, it is known as ours.
 */
export function tagsOf(stamp: Stamp, before: Stamp | null): Tag[] {
  return [
    { Key: tagNames.cluster, Value: stamp.clusterId },
    { Key: tagNames.epoch, Value: String(stamp.epoch) },
    { Key: tagNames.mirror, Value: stamp.mirror },
    { Key: tagNames.environment, Value: stamp.environment },
    { Key: tagNames.revision, Value: String(stamp.revision) },
    { Key: tagNames.hash, Value: stamp.valueHash },
    { Key: tagNames.before, Value: before === null ? '-' : `${before.epoch} ${before.revision} ${before.valueHash}` },
    { Key: tagNames.state, Value: 'written' },
  ];
}

/** What goes into the tags before a deletion that can be taken back: what is deleted by us is no change by somebody else. */
export const deletingTag: Tag = { Key: tagNames.state, Value: 'deleting' };

/** Reads what {@link tagsOf} wrote. What is incomplete or changed by hand is no stamp. */
export function readTags(tags: FoundTags): TagReading {
  const byName = new Map(tags.map(({ Key, Value }) => [Key ?? '', Value ?? '']));
  const text = (name: keyof typeof tagNames) => byName.get(tagNames[name]) ?? '';
  const deleting = text('state') === deletingTag.Value;
  const owner = { clusterId: text('cluster'), mirror: text('mirror') };
  const { environment } = { environment: text('environment') };
  const newest = ageOf(`${text('epoch')} ${text('revision')} ${text('hash')}`);
  if (owner.clusterId === '' || owner.mirror === '' || environment === '' || newest === null) return { stamps: [], deleting };
  const before = ageOf(text('before'));
  const stamps = before === null ? [newest] : [before, newest];
  return { stamps: stamps.map((age) => ({ ...owner, environment, ...age })), deleting };
}

/** Whether tags say that a mirror wrote something here, whatever else they say. */
export function marks(tags: FoundTags, { clusterId, mirror }: StampOwner): boolean {
  const has = (key: string, value: string) => tags.some(({ Key, Value }) => Key === key && Value === value);
  return has(tagNames.cluster, clusterId) && has(tagNames.mirror, mirror);
}

function ageOf(text: string): Pick<Stamp, 'epoch' | 'revision' | 'valueHash'> | null {
  const [, epoch, revision, valueHash] = /^(\d{1,16}) (\d{1,16}) ([0-9a-f]+)$/.exec(text) ?? [];
  if (epoch === undefined || revision === undefined || valueHash === undefined) return null;
  return { epoch: Number(epoch), revision: Number(revision), valueHash };
}
