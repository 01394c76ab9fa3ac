/** How many things were begun and have not ended, and a way to wait for fewer. */
export class UnderWay {
  #count = 0;
  #wake: (() => void)[] = [];

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Resolves once at most so many are under way. */
  async atMost(most: number): Promise<void> {
    while (this.#count > most) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
      });
    }
  }
}
