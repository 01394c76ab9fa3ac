import type { ResealedValue } from '@env-cli/environments';
import {
  keyAfter,
  nameOfKey,
  namespaceOfKey,
  nonceBytes,
  readLive,
  type ReadTables,
  type VariableCursor,
} from '@env-cli/keyspace';

import { Refused } from '../errors/refused.ts';
import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import { keyedHash } from '../requests/secrets.ts';
import type { Keyring } from './keyring.ts';
import { hereSoon, proposeKeys } from './keyring-commands.ts';

/** Values and environments of one command: what an entry has room for, whatever their sizes. */
const valuesAtOnce = 100;
const environmentsAtOnce = 10;
/** Bytes of sealed values behind which a command takes in no further environment. */
const valueBytesAtOnce = 256 * 1024;
/** Rows, and bytes of them, that one look reads. */
const rowsAtOnce = 32;
const rowBytesAtOnce = 1024 * 1024;
/** Milliseconds between two commands, and between two looks that found nothing: it is work that nobody waits for. */
const pauseMs = 20;

/**
 * Seals secrets anew that an older data key sealed, and those of before the cluster sealed any: the leader looks through all environments, a
 * few at a time, and proposes their values sealed by the newest key. A whole look that finds nothing is written down, so that the next
 * leader need not begin again.
 *
 * Values in the history stay as they were sealed, until it is compacted.
 */
export class Resealer {
  readonly #member: Member;
  readonly #keyring: Keyring;
  readonly #log: Pick<Log, 'info' | 'warn'>;
  #from: Uint8Array | undefined;
  #found = 0;
  #resealed = 0;
  #timer: NodeJS.Timeout;
  #stopped = false;
  #told = '';

  constructor(
    member: Member,
    keyring: Keyring,
    options: { readonly log: Pick<Log, 'info' | 'warn'>; readonly intervalMs?: number },
  ) {
    this.#member = member;
    this.#keyring = keyring;
    this.#log = options.log;
    const intervalMs = options.intervalMs ?? 1_000;
    const next = (): NodeJS.Timeout =>
      setTimeout(() => {
        void this.#run().finally(() => {
          if (!this.#stopped) this.#timer = next();
        });
      }, intervalMs);
    this.#timer = next();
  }

  /** Values that this member has sealed anew since its start. */
  get resealed(): number {
    return this.#resealed;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    try {
      while (this.#isDue()) {
        await this.#step();
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    } catch (error) {
      // Without a leader, or with a key that is not there yet: the next look goes on.
      if (error instanceof MemberUnavailable) return;
      if (!(error instanceof Refused)) throw error;
      const { code } = error.refusal;
      if (code !== 'entry-full' && code !== this.#told)
        this.#log.warn({ why: code }, 'secrets are not sealed anew at the moment');
      this.#told = code;
    }
  }

  /** Once every member seals by the newest key, and while this one leads. */
  #isDue(): boolean {
    const { sealingId, newestId, resealedId } = this.#keyring;
    return !this.#stopped && this.#member.view().role === 'leader' && resealedId < newestId && sealingId === newestId;
  }

  async #step(): Promise<void> {
    const { sealingId } = this.#keyring;
    await this.#keyring.ready(valuesAtOnce);
    const { namespace, values, next } = await this.#member.read(hereSoon(), (tables) => this.#look(tables, sealingId));
    if (values.length > 0) {
      const { result } = await proposeKeys(this.#member, { kind: 'reseal', values }, namespace);
      // An entry without room for it, for one: the same rows are looked at again a little later.
      if (result.kind === 'refused') throw new Refused(result.refusal);
      this.#found += values.length;
      this.#resealed += values.length;
    }
    this.#from = next;
    if (next !== undefined) return;
    if (this.#found > 0)
      this.#log.info({ values: this.#found, dataKey: sealingId }, 'secrets were sealed anew by the newest data key');
    const clean = this.#found === 0;
    this.#found = 0;
    // What was written meanwhile by a member that still sealed by the older key is found by a further look.
    if (!clean) return;
    await proposeKeys(this.#member, { kind: 'mark-resealed', id: sealingId });
    await this.#keyring.look();
  }

  /** Seals what some rows hold anew. `next`: where to look on; undefined at the end. Values of one namespace only. */
  #look(tables: ReadTables, keyId: number): { namespace: string; values: ResealedValue[]; next: Uint8Array | undefined } {
    const rows = tables.range('environments', { ...(this.#from && { from: this.#from }), limit: rowsAtOnce });
    const values: ResealedValue[] = [];
    let namespace = '';
    let environments = 0;
    let readBytes = 0;
    let valueBytes = 0;
    for (const { key, value } of rows) {
      const name = nameOfKey(key);
      const of = namespaceOfKey(key);
      const isFull = environments >= environmentsAtOnce || valueBytes >= valueBytesAtOnce || readBytes >= rowBytesAtOnce;
      if (isFull || (values.length > 0 && of !== namespace)) return { namespace, values, next: key };
      const live = readLive(of, name, value);
      readBytes += value.length;
      if (live === null) continue;
      const before = values.length;
      for (const cursor = live.variables(); cursor.next();) {
        if (!isOld(cursor, keyId)) continue;
        // The rest of it comes with the next look: what is resealed by then is passed over.
        if (values.length >= valuesAtOnce) return { namespace, values, next: key };
        const sealed = this.#reseal(of, name, cursor);
        if (sealed === null) continue;
        values.push(sealed);
        namespace = of;
        valueBytes += sealed.value.bytes.length;
      }
      if (values.length > before) environments++;
    }
    return { namespace, values, next: rows.length < rowsAtOnce ? undefined : keyAfter(rows.at(-1)!.key) };
  }

  #reseal(namespace: string, environment: string, cursor: VariableCursor): ResealedValue | null {
    const variable = cursor.name;
    const place = { namespace, environment, variable };
    const { value: is } = cursor;
    let text: Uint8Array;
    try {
      text = this.#keyring.open(place, cursor);
    } catch (error) {
      // It opens for nobody, and says so to whoever reads it.
      if (error instanceof Refused && error.refusal.code === 'secret-broken') return null;
      throw error;
    }
    const value = this.#keyring.seal(place, text);
    if (value.kind !== 'sealed') return null;
    const hash = keyedHash(this.#keyring.hashKeyIn(), text);
    return {
      environment,
      variable,
      ...(is.kind === 'sealed'
        ? { keyId: is.keyId, nonce: is.nonce.slice() }
        : { keyId: 0, nonce: cursor.hash!.slice(0, nonceBytes) }),
      hash,
      value,
    };
  }
}

function isOld(cursor: VariableCursor, keyId: number): boolean {
  if (!cursor.secret) return false;
  const { value } = cursor;
  return value.kind === 'plain' || value.keyId < keyId;
}
