import type { ChangeReader, Label } from '@env-cli/keyspace';

import { writeChange } from '../answers/change.ts';
import type { ShownView } from '../answers/environment.ts';
import { ProtoWriter } from '../answers/proto-writer.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { LabelledChange } from './scope.ts';

const writer = new ProtoWriter(16 * 1024);

/** One change that many watches may carry: it is decoded once, and encoded once for each way in which it is shown. */
export class SharedChange implements LabelledChange {
  readonly change: ChangeReader;
  readonly #secrets: Secrets;
  readonly #encoded = new Map<string, Encoded>();
  #labelsBefore: readonly Label[] | null | undefined;
  #labelsAfter: readonly Label[] | null | undefined;

  constructor(change: ChangeReader, secrets: Secrets) {
    this.change = change;
    this.#secrets = secrets;
  }

  get labelsBefore(): readonly Label[] | null {
    return (this.#labelsBefore ??= this.change.kind === 'created' ? null : this.change.labelsBefore());
  }

  get labelsAfter(): readonly Label[] | null {
    return (this.#labelsAfter ??= this.change.kind === 'deleted' ? null : this.change.labelsAfter());
  }

  /** The bytes of the `envcli.v1.Change`. Throws `Refused` when a secret that is to be shown cannot be opened here. */
  encoded(view: ShownView, left: boolean): Encoded {
    const shown = left ? `${view} left` : view;
    let bytes = this.#encoded.get(shown);
    if (bytes === undefined) {
      writer.truncate(0);
      writeChange(writer, this.change, { view, secrets: this.#secrets, left });
      bytes = writer.take();
      this.#encoded.set(shown, bytes);
    }
    return bytes;
  }
}
