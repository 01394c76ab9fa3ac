/** One page of a listing. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * A listing that is fetched as it is read, one page ahead of nothing: iterate over it for its items, or over `pages()`.
 *
 * Each iteration begins anew. The time-out of the call is that of each page.
 */
export class Listing<Item, P extends Page<Item> = Page<Item>> implements AsyncIterable<Item> {
  readonly #fetch: () => (pageToken: string) => Promise<P>;

  /**
   * `fetch` is called for each iteration; what it returns, for each page with the token of the one before.
   *
   * @internal
   */
  constructor(fetch: () => (pageToken: string) => Promise<P>) {
    this.#fetch = fetch;
  }

  async *pages(): AsyncGenerator<P, void, undefined> {
    const fetch = this.#fetch();
    let pageToken = '';
    do {
      const page = await fetch(pageToken);
      yield page;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }
}
