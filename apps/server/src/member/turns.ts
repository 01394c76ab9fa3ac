/** Runs something once in the next turn of the event loop, however often it is asked for: after what came meanwhile was handed in. */
export class Turns {
  readonly #run: () => void;
  #due = false;

  constructor(run: () => void) {
    this.#run = run;
  }

  readonly request = (): void => {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      this.#run();
    });
  };
}
