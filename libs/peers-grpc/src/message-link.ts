import type { MemberId, PeerMessage } from '@env-cli/raft';
import { type Hello, protocolRange, type Standing } from '@env-cli/replica';
import { ByteReader, ByteWriter } from '@env-cli/support';

import { readBackward } from './consumption.ts';
import { Link, type LinkOptions } from './link.ts';
import { appendBytes, inProtocol, wireBytesOf, writePeerMessage } from './peer-message.ts';
import { peersService } from './service.ts';

/**
 * Bytes on their way to one member that it has not consumed. What comes beyond is dropped: it would only wait in memory for a
 * member that is slow or gone, and Raft sends again what is still needed. Above the core's window of appends (8 MiB).
 */
const unconsumedBytesMax = 16 * 1024 * 1024;

/** A frame takes messages in until it has so many bytes. */
const frameBytesWanted = 1024 * 1024;

/** Milliseconds after which a member that consumed nothing of what was sent is dialed anew: the connection may be half open. */
const silenceMsMax = 4_000;

export interface MessageLinkOptions extends Omit<LinkOptions, 'method' | 'onFrame' | 'onBroken'> {
  readonly memberId: MemberId;
  /** What was sent is lost, once or from now on. */
  readonly onUnreachable: (to: MemberId) => void;
  /** The member that introduced itself as `hello` says how its disk stands. */
  readonly onStanding: (hello: Hello, standing: Standing) => void;
}

/** Messages of this member to one other. */
export class MessageLink {
  readonly #options: MessageLinkOptions;
  readonly #link: Link;
  readonly #writer = new ByteWriter(16 * 1024);
  /** Who answered on the stream that is open, or was last. */
  #hello: Hello | null = null;
  #waiting: PeerMessage[] = [];
  #sentBytes = 0;
  #consumedBytes = 0;
  /** Whether something was consumed since the last check, and when that check was. */
  #moved = true;
  #movedMs = 0;
  /** So that a slow member is told of once, not with each message. */
  #full = false;
  #droppedMessages = 0;

  constructor(options: MessageLinkOptions) {
    this.#options = options;
    this.#link = new Link({
      ...options,
      method: peersService.Messages,
      onOpen: (hello) => {
        this.#hello = hello;
        this.#sentBytes = 0;
        this.#consumedBytes = 0;
        this.#full = false;
        this.#moved = true;
        options.onOpen(hello);
      },
      onFrame: (bytes) => this.#consumed(bytes),
      onBroken: () => options.onUnreachable(options.memberId),
    });
  }

  get address(): string {
    return this.#link.address;
  }

  get open(): boolean {
    return this.#link.open;
  }

  /** See {@link Link.redial}. */
  redial(): void {
    this.#link.redial();
  }

  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  send(message: PeerMessage): void {
    const understood = this.#link.open ? inProtocol(message, this.#hello?.protocolMax ?? protocolRange.min) : null;
    if (understood !== null) this.#waiting.push(understood);
    else this.#droppedMessages++;
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const messages = this.#waiting;
    this.#waiting = [];
    const [first] = messages;
    if (messages.length === 1 && first?.kind === 'append') {
      this.#write(appendBytes(first));
      return;
    }
    for (let at = 0; at < messages.length;) {
      let bytes = 0;
      do bytes += wireBytesOf(messages[at]!);
      while ((writePeerMessage(this.#writer, messages[at]!), ++at) < messages.length && bytes < frameBytesWanted);
      this.#write(this.#writer.take());
    }
  }

  /** Called now and then: finds out a connection that takes bytes and gives none back, and a member that is believed no more. */
  check(nowMs: number): void {
    this.#link.checkSecurity();
    if (this.#moved || !this.#link.open || this.#sentBytes === this.#consumedBytes) {
      this.#moved = false;
      this.#movedMs = nowMs;
    } else if (nowMs - this.#movedMs > silenceMsMax) {
      this.#link.break(`nothing of what was sent was consumed for ${silenceMsMax} ms`);
    }
  }

  close(): void {
    this.#link.close();
  }

  #write(frame: Uint8Array): void {
    // The silence begins with the first byte that is not consumed.
    if (this.#sentBytes === this.#consumedBytes) this.#moved = true;
    if (this.#sentBytes - this.#consumedBytes + frame.length > unconsumedBytesMax) {
      this.#droppedMessages++;
      if (!this.#full) this.#options.onUnreachable(this.#options.memberId);
      this.#full = true;
      return;
    }
    this.#sentBytes += frame.length;
    this.#link.write(frame);
  }

  #consumed(bytes: Uint8Array): void {
    const { consumedBytes: consumed, standing } = readBackward(new ByteReader(bytes));
    if (this.#hello !== null) this.#options.onStanding(this.#hello, standing);
    // A member that claims more than it got, or less than before, is not believed.
    if (consumed <= this.#consumedBytes || consumed > this.#sentBytes) return;
    this.#consumedBytes = consumed;
    this.#moved = true;
    this.#full = false;
  }
}
