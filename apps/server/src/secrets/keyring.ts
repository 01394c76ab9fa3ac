import {
  type DataKey,
  type Keyring as KeyringRow,
  readKeyring,
  sealsPerDataKeyMax,
  sealsTakenAtOnceMax,
} from '@env-cli/environments';
import { readProgress, type VariableCursor, type VariableValue } from '@env-cli/keyspace';
import { assert, equalBytes, hexOf } from '@env-cli/support';

import { invalid, Refused } from '../errors/refused.ts';
import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import { hereSoon, proposeKeys, readKeyringHere } from './keyring-commands.ts';
import { dataKeyPurpose, hashKeyPurpose, newKey, openKey, type OpenKey, rewrapped } from './keys.ts';
import { type MasterKey, MasterKeyProblem, type MasterKeySource } from './master-key.ts';
import { openText, sealText } from './sealing.ts';
import type { SecretPlace, Secrets } from './secrets.ts';

export interface KeyringOptions {
  readonly masterKeys: MasterKeySource;
  /** Milliseconds after which a data key is replaced by a new one. Defaults to 90 days. */
  readonly dataKeyAgeMaxMs?: number;
  /** Seals that are taken from the cluster at once; at most the default, `sealsTakenAtOnceMax`. */
  readonly sealsAtOnce?: number;
  /** Milliseconds between two looks whether the keys have changed. Defaults to 1,000. */
  readonly lookIntervalMs?: number;
  /**
   * Milliseconds for which a new data key is there before it seals: the other members open it meanwhile, and no read meets a value that
   * its member cannot open yet. Several looks long. Defaults to 5,000.
   */
  readonly settleMs?: number;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Gives up the opening. */
  readonly signal?: AbortSignal;
}

const dataKeyAgeMaxMsDefault = 90 * 86_400_000;
const lookIntervalMsDefault = 1_000;
const settleMsDefault = 5_000;

/** Milliseconds between two attempts to found the keyring of a new cluster, which may have no leader yet. */
const foundingAgainMs = 200;

/** Another member was first so often before a change of keys is given up. */
const attemptsMax = 5;

/** The share of its seals behind which a data key is replaced: what is left is for members that take to the new one later. */
const spentShare = 0.75;

/** How things stand with the keys. Nothing of it is secret. */
export interface KeyringStatus {
  /** Hexadecimal digits; empty where a command holds it. */
  readonly masterKey: string;
  /** The master keys that this member has now, the newest last; none when there is a problem. */
  readonly masterKeysHere: readonly string[];
  readonly masterKeyProblem: string;
  /** Where this member has its master keys from, for people. */
  readonly where: string;
  readonly version: number;
  readonly dataKeys: readonly DataKey[];
  /** The data key that this member seals with. */
  readonly sealingId: number;
  /** No secret of an environment is sealed by an older one. */
  readonly resealedId: number;
}

/** The keys of a cluster as one member holds them: unwrapped, in memory, on the API thread. */
export class Keyring implements Secrets {
  readonly seals = true;
  readonly #member: Member;
  readonly #options: KeyringOptions;
  readonly #dataKeys = new Map<number, OpenKey>();
  readonly #seenAtMs = new Map<number, number>();
  readonly #ends: (() => void)[];
  #row: KeyringRow;
  #hashKey: OpenKey;
  #hashKeyBytes: Uint8Array;
  #sealingId = 0;
  #left = { keyId: 0, seals: 0 };
  /** Seals that were made since the start. */
  #made = 0;
  #taking: Promise<void> | null = null;
  #looking: Promise<void> | null = null;
  #adding: Promise<void> | null = null;
  #timer: NodeJS.Timeout;
  #told = '';
  /** Why some data key could not be opened, or could not after a start; null: all could. */
  #lacking: string | null = null;

  /**
   * Opens the keys of the member's cluster; a cluster that has none gets some. Rejects with {@link MasterKeyProblem} when the master key is
   * not the one that they are wrapped by.
   */
  static async open(member: Member, options: KeyringOptions): Promise<Keyring> {
    const masters = options.masterKeys.keys();
    for (;;) {
      options.signal?.throwIfAborted();
      const row = await readKeyringHere(member);
      if (row === null) {
        await found(member, options).catch(ignoreUnavailable);
        await new Promise((resolve) => setTimeout(resolve, foundingAgainMs));
        continue;
      }
      const hashKey = await openKey(masters, hashKeyPurpose, row.hashKey);
      if (hashKey === null) {
        if (await hasChangedSince(member, row, options.signal)) continue;
        throw wrongMasterKey(row, options.masterKeys);
      }
      const keyring = new Keyring(member, options, row, hashKey);
      await keyring.#openAll(row);
      if (keyring.#lacking !== null) {
        keyring.stop();
        if (await hasChangedSince(member, row, options.signal)) continue;
        throw new MasterKeyProblem(keyring.#lacking);
      }
      keyring.#chooseKey();
      void keyring.#take().catch(() => undefined);
      return keyring;
    }
  }

  private constructor(member: Member, options: KeyringOptions, row: KeyringRow, hashKey: OpenKey) {
    this.#member = member;
    this.#options = options;
    this.#row = row;
    this.#hashKey = hashKey;
    this.#hashKeyBytes = new Uint8Array(hashKey.key.export());
    this.#timer = setInterval(() => this.#tick(), options.lookIntervalMs ?? lookIntervalMsDefault);
    this.#ends = [member.onStateReplaced(() => this.#tick())];
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const end of this.#ends) end();
  }

  hashKeyIn(): Uint8Array {
    return this.#hashKeyBytes;
  }

  ready(count: number): Promise<void> | null {
    if (this.#left.keyId === this.#sealingId && this.#left.seals >= count) {
      // The next ones are asked for while there are some.
      if (this.#left.seals - count < this.#sealsAtOnce / 2) void this.#take().catch(() => undefined);
      return null;
    }
    return this.#readyLater(count);
  }

  seal(place: SecretPlace, text: Uint8Array): VariableValue {
    const key = this.#dataKeys.get(this.#left.keyId);
    if (key === undefined || this.#left.seals === 0) {
      // Whoever asked for room in time has it; what came in between takes it away at most for a moment.
      throw new MemberUnavailable(
        'too-busy',
        'more secrets came at once than this member may seal: nothing was proposed. Try again.',
      );
    }
    this.#left.seals--;
    this.#made++;
    return sealText(key.key, this.#left.keyId, place, text);
  }

  open(place: SecretPlace, cursor: VariableCursor): Uint8Array {
    const { value } = cursor;
    // A secret from before the cluster sealed any: it is sealed in its turn.
    if (value.kind === 'plain') return value.bytes;
    const { environment, variable } = place;
    const key = this.#dataKeys.get(value.keyId);
    if (key === undefined) {
      void this.look().catch(() => undefined);
      throw new Refused({ code: 'data-key-away', environment, variable, keyId: value.keyId });
    }
    const text = openText(key.key, place, value);
    if (text === null) throw new Refused({ code: 'secret-broken', environment, variable, keyId: value.keyId });
    return text;
  }

  status(): KeyringStatus {
    const { masterKey, version, dataKeys, resealedId } = this.#row;
    let masterKeysHere: string[] = [];
    let masterKeyProblem = '';
    try {
      masterKeysHere = this.#options.masterKeys.keys().map(({ name }) => hexOf(name));
    } catch (error) {
      if (!(error instanceof MasterKeyProblem)) throw error;
      masterKeyProblem = error.message;
    }
    return {
      masterKey: hexOf(masterKey),
      masterKeysHere,
      masterKeyProblem,
      where: this.#options.masterKeys.where,
      version,
      dataKeys,
      sealingId: this.#sealingId,
      resealedId,
    };
  }

  /** Figures for /metrics. */
  figures(): Record<string, number> {
    const newest = this.#row.dataKeys.at(-1)!;
    return {
      secrets_seals_total: this.#made,
      secrets_seals_in_hand: this.#holds(this.#sealingId) ? this.#left.seals : 0,
      secrets_seals_left: sealsPerDataKeyMax - newest.sealsTaken,
      secrets_data_keys: this.#row.dataKeys.length,
      secrets_newest_data_key: newest.id,
      secrets_sealing_data_key: this.#sealingId,
      secrets_resealed_data_key: this.#row.resealedId,
    };
  }

  /** Adds a data key; after a moment it is the one that seals. Answers its id. */
  async rotateDataKey(): Promise<number> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      await this.look();
      const id = this.#row.dataKeys.at(-1)!.id + 1;
      const key = await newKey(this.#masterKeyInUse(), dataKeyPurpose(id));
      const { result } = await proposeKeys(this.#member, { kind: 'add-data-key', id, key: key.wrapped });
      if (result.kind === 'refused') throw new Refused(result.refusal);
      if (result.kind !== 'applied') continue;
      await this.look();
      return id;
    }
    throw changedMeanwhile();
  }

  /** Wraps all keys by the newest master key that this member has. The data keys stay the same. */
  async rotateMasterKey(): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      await this.look();
      const row = this.#row;
      const master = this.newestMasterKey();
      const hashKey = await rewrapped(master, hashKeyPurpose, this.#hashKey);
      const dataKeys = await Promise.all(
        row.dataKeys.map(({ id }) => {
          const key = this.#dataKeys.get(id);
          assert(key !== undefined, 'a member that has looked has every data key');
          return rewrapped(master, dataKeyPurpose(id), key);
        }),
      );
      const body = { kind: 'rewrap-keys', version: row.version, masterKey: master.name, hashKey, dataKeys } as const;
      const { result } = await proposeKeys(this.#member, body);
      if (result.kind === 'refused') throw new Refused(result.refusal);
      if (result.kind !== 'applied') continue;
      return this.look();
    }
    throw changedMeanwhile();
  }

  /** The master key that the next rotation goes to. Throws {@link MasterKeyProblem}. */
  newestMasterKey(): MasterKey {
    return this.#options.masterKeys.keys().at(-1)!;
  }

  /** Reads the keys anew, if they have changed. */
  look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = null));
    return this.#looking;
  }

  /** The data key that seals now. */
  get sealingId(): number {
    return this.#sealingId;
  }

  /** The newest data key, which seals now or in a moment. */
  get newestId(): number {
    return this.#row.dataKeys.at(-1)!.id;
  }

  get resealedId(): number {
    return this.#row.resealedId;
  }

  /** Chooses the newest key that everybody has had time to open; one that has no seals left makes way at once. */
  #chooseKey(): void {
    const settledAtMs = performance.now() - (this.#options.settleMs ?? settleMsDefault);
    const usable = this.#row.dataKeys.filter(({ id }) => this.#dataKeys.has(id));
    const settled = usable.findLast(({ id, sealsTaken }) => {
      const hasSeals = sealsTaken + this.#sealsAtOnce <= sealsPerDataKeyMax || this.#holds(id);
      return hasSeals && (this.#seenAtMs.get(id) ?? 0) <= settledAtMs;
    });
    this.#sealingId = (settled ?? usable.at(-1))!.id;
  }

  #holds(id: number): boolean {
    return this.#left.keyId === id && this.#left.seals > 0;
  }

  get #sealsAtOnce(): number {
    return this.#options.sealsAtOnce ?? sealsTakenAtOnceMax;
  }

  async #readyLater(count: number): Promise<void> {
    while (this.#left.keyId !== this.#sealingId || this.#left.seals < count) {
      if (count > this.#sealsAtOnce) {
        throw invalid('operations', `hold ${count} values; at most ${this.#sealsAtOnce} can be sealed at once`);
      }
      try {
        await this.#take();
      } catch (error) {
        if (!(error instanceof MemberUnavailable) || error.code === 'stopping') throw error;
        // Of the write itself, whatever became of the seals, nothing was proposed.
        throw new MemberUnavailable('no-leader', 'the cluster gives no seals for secrets at the moment. Try again.');
      }
    }
  }

  /** Takes seals from the cluster: those of all members together are bounded for each key, whatever becomes of them. */
  #take(): Promise<void> {
    this.#taking ??= this.#takeNow().finally(() => (this.#taking = null));
    return this.#taking;
  }

  async #takeNow(): Promise<void> {
    const keyId = this.#sealingId;
    const count = this.#sealsAtOnce;
    const { result } = await proposeKeys(this.#member, { kind: 'take-seals', id: keyId, count });
    if (result.kind === 'applied') {
      // Of an older key nothing is carried over.
      this.#left = { keyId, seals: count + (this.#left.keyId === keyId ? this.#left.seals : 0) };
      return;
    }
    // What is left of a spent key is given up: a write must not wait for room that never comes.
    this.#left = { keyId: 0, seals: 0 };
    await this.look();
    if (this.#sealingId === keyId) await this.#addDataKey();
  }

  #addDataKey(): Promise<void> {
    this.#adding ??= this.rotateDataKey()
      .then((id) => this.#options.log.info({ dataKey: id }, 'a new data key seals the secrets from now on'))
      .finally(() => (this.#adding = null));
    return this.#adding;
  }

  #tick(): void {
    this.look()
      .then(() => this.#replaceOldKey())
      .catch((error: unknown) => {
        if (error instanceof MemberUnavailable) return;
        const message = error instanceof MasterKeyProblem ? error.message : error instanceof Refused ? error.message : 'a fault';
        if (this.#told === message) return;
        this.#told = message;
        this.#options.log.error({ problem: message }, 'the keys of the secrets cannot be looked after');
      });
  }

  /** The leader replaces a data key that is old, or that has few seals left. */
  async #replaceOldKey(): Promise<void> {
    if (this.#member.view().role !== 'leader') return;
    const { createdAtMs, sealsTaken } = this.#row.dataKeys.at(-1)!;
    const nowMs = await this.#member.read(hereSoon(), (tables) => Math.max(readProgress(tables).peopleTimeMs, Date.now()));
    const isOld = nowMs - createdAtMs > (this.#options.dataKeyAgeMaxMs ?? dataKeyAgeMaxMsDefault);
    if (isOld || sealsTaken > spentShare * sealsPerDataKeyMax) await this.#addDataKey();
  }

  async #lookNow(): Promise<void> {
    const row = await readKeyringHere(this.#member);
    if (row === null) return;
    if (row.version !== this.#row.version || this.#lacking !== null) {
      await this.#openAll(row);
      if (this.#lacking !== null && this.#told !== this.#lacking) this.#options.log.error({}, this.#lacking);
      this.#told = this.#lacking ?? '';
    }
    this.#row = row;
    this.#chooseKey();
  }

  /** Opens the data keys that this member lacks, and sees whether it could open all of them after a start. */
  async #openAll(row: KeyringRow): Promise<void> {
    const masters = this.#options.masterKeys.keys();
    let lacking: string | null = null;
    for (const wrapped of row.dataKeys) {
      const known = this.#dataKeys.get(wrapped.id);
      if (known !== undefined && equalBytes(known.wrapped.wrapped, wrapped.wrapped)) continue;
      const opened = await openKey(masters, dataKeyPurpose(wrapped.id), wrapped);
      if (opened !== null) {
        this.#dataKeys.set(wrapped.id, opened);
        // Those that were there when this member started were there long enough.
        if (!this.#seenAtMs.has(wrapped.id)) this.#seenAtMs.set(wrapped.id, row === this.#row ? -Infinity : performance.now());
      } else lacking = wrongMasterKey(row, this.#options.masterKeys).message;
    }
    this.#lacking = lacking;
  }

  /** The master key that wraps the keys now: not yet the one of a rotation that is being prepared. */
  #masterKeyInUse(): MasterKey {
    const masters = this.#options.masterKeys.keys();
    const inUse = masters.find(({ name }) => equalBytes(name, this.#row.masterKey));
    if (inUse === undefined) throw wrongMasterKey(this.#row, this.#options.masterKeys);
    return inUse;
  }
}

/** How long a member that starts with a master key which does not fit waits to hear whether its own state is merely old. */
const catchUpMs = 30_000;
const catchUpAgainMs = 100;

/**
 * Whether the cluster has other keys by now than this member's state holds. A member that starts has the state of its last checkpoint, and a
 * rotation may be among what the log brings only then: the key that does not fit may be the newer one.
 */
async function hasChangedSince(member: Member, { version }: KeyringRow, signal: AbortSignal | undefined): Promise<boolean> {
  const untilMs = performance.now() + catchUpMs;
  do {
    signal?.throwIfAborted();
    try {
      const strong = { ...hereSoon(), freshness: { kind: 'strong' } } as const;
      const newest = await member.read(strong, readKeyring);
      return newest !== null && newest.version !== version;
    } catch (error) {
      ignoreUnavailable(error);
    }
    await new Promise((resolve) => setTimeout(resolve, catchUpAgainMs));
  } while (performance.now() < untilMs);
  return false;
}

async function found(member: Member, { masterKeys, log }: KeyringOptions): Promise<void> {
  const master = masterKeys.keys().at(-1)!;
  const [hashKey, dataKey] = await Promise.all([newKey(master, hashKeyPurpose), newKey(master, dataKeyPurpose(1))]);
  const body = { kind: 'found-keyring', masterKey: master.name, hashKey: hashKey.wrapped, dataKey: dataKey.wrapped } as const;
  const { result } = await proposeKeys(member, body);
  if (result.kind === 'applied') log.info({ masterKey: hexOf(master.name) }, 'the cluster has got keys to seal its secrets with');
}

function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof MemberUnavailable)) throw error;
}

function wrongMasterKey({ masterKey }: KeyringRow, source: MasterKeySource): MasterKeyProblem {
  const wanted = masterKey.length === 0 ? 'a command' : `the master key ${hexOf(masterKey)}`;
  const here = source
    .keys()
    .map(({ name }) => (name.length === 0 ? 'a command' : hexOf(name)))
    .join(', ');
  return new MasterKeyProblem(
    `${source.where} does not open the keys of this cluster: they are wrapped by ${wanted}, and here is ${here}. ` +
      'Bring the master key from a member that runs (docs/security.md); without it no secret can be read',
  );
}

function changedMeanwhile(): Refused {
  return new Refused({ code: 'keyring-changed' });
}
