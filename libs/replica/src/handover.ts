import type { TransferAnswer } from './wishes.ts';

export interface HandoverPorts {
  /** Asks the core to hand the lead to the voter that has most of the log. `done` is called once. */
  readonly transfer: (done: (answer: TransferAnswer) => void) => void;
  /** Called once, when nobody took the lead in time: the reign has to end all the same. */
  readonly onNobody: () => void;
}

/** How a leader that should not lead leaves its reign: to a voter that has the whole log, without an election that somebody has to wait for; else to nobody. */
export class Handover {
  readonly #ports: HandoverPorts;
  #begun = 0;
  /** Counts reigns: what is answered about one before does not count. */
  #reign = 0;
  #state: 'none' | 'wanted' | 'asked' = 'none';

  constructor(ports: HandoverPorts) {
    this.#ports = ports;
  }

  /** How often one was begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Whether one is under way: what is proposed meanwhile might be of unknown outcome. */
  get underWay(): boolean {
    return this.#state !== 'none';
  }

  /** False: one is under way. */
  begin(): boolean {
    if (this.underWay) return false;
    this.#begun++;
    this.#ask();
    return true;
  }

  /** With each tick: what could not begin, since somebody had asked for a handover before, is asked for again. */
  ticked(): void {
    if (this.#state === 'wanted') this.#ask();
  }

  /** This member's role changed: nothing is left to hand over. */
  reignEnded(): void {
    this.#reign++;
    this.#state = 'none';
  }

  #ask(): void {
    const reign = this.#reign;
    this.#state = 'asked';
    this.#ports.transfer((answer) => {
      if (reign !== this.#reign) return;
      const waits = answer.kind === 'refused' && answer.refusal.code === 'transferring';
      this.#state = waits ? 'wanted' : 'none';
      if (answer.kind === 'ended' && answer.outcome !== 'reign-ended') this.#ports.onNobody();
    });
  }
}
