/**
 * The first result of several attempts, or null when all came to nothing. Each begins when the one before has come to nothing, or `staggerMs`
 * milliseconds after it began. What comes after the first result is dropped.
 */
export function staggered<T>(attempts: readonly (() => Promise<T | null>)[], staggerMs: number): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let begun = 0;
    let open = 0;
    let timer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      begun = attempts.length;
    };
    const ended = (result: T | null): void => {
      open--;
      if (result !== null) {
        settle();
        resolve(result);
      } else if (begun < attempts.length) begin();
      else if (open === 0) resolve(null);
    };
    const begin = (): void => {
      clearTimeout(timer);
      const attempt = attempts[begun++];
      if (attempt === undefined) return;
      open++;
      if (begun < attempts.length) timer = setTimeout(begin, staggerMs);
      attempt().then(ended, (error: Error) => {
        settle();
        reject(error);
      });
    };
    begin();
  });
}
