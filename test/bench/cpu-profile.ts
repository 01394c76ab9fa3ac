/** What is needed of a .cpuprofile file (Chrome DevTools Protocol, `Profiler.Profile`). */
export interface CpuProfile {
  /** Microseconds of the monotonic clock. */
  readonly startTime: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      /** From 0; -1 for what is not JavaScript. */
      readonly lineNumber: number;
      readonly columnNumber: number;
    };
  }[];
  readonly samples?: readonly number[];
  /** Microseconds between each sample and the one before. */
  readonly timeDeltas?: readonly number[];
}

export interface FunctionTime {
  readonly name: string;
  readonly url: string;
  /** From 0. */
  readonly line: number;
  readonly column: number;
  /** Time in the function itself, without what it called. */
  readonly selfUs: number;
}

/** Where a thread's time went during a window. */
export interface ThreadTime {
  readonly windowUs: number;
  /** Time in which the thread waited for something to do. */
  readonly idleUs: number;
  /** Longest first, idling left out. `(program)` is native code, `(garbage collector)` what its name says. */
  readonly functions: readonly FunctionTime[];
}

/** Sums the self times of each function over the samples of a window, in microseconds of the monotonic clock. */
export function threadTime(profile: CpuProfile, window: { readonly fromUs: number; readonly toUs: number }): ThreadTime {
  const { samples = [], timeDeltas = [], nodes } = profile;
  const selfUs = new Map<number, number>();
  let atUs = profile.startTime;
  let windowUs = 0;
  for (const [i, node] of samples.entries()) {
    atUs += timeDeltas[i] ?? 0;
    if (atUs < window.fromUs || atUs > window.toUs) continue;
    // A sample stands for the time until the next one.
    const us = Math.max(0, timeDeltas[i + 1] ?? 0);
    windowUs += us;
    selfUs.set(node, (selfUs.get(node) ?? 0) + us);
  }
  // A function has a node for each way in which it was called.
  const byPlace = new Map<string, FunctionTime>();
  let idleUs = 0;
  for (const { id, callFrame } of nodes) {
    const us = selfUs.get(id) ?? 0;
    if (us === 0) continue;
    const { functionName, url, lineNumber, columnNumber } = callFrame;
    if (functionName === '(idle)') {
      idleUs += us;
      continue;
    }
    const key = `${functionName} ${url}:${lineNumber}:${columnNumber}`;
    const earlierUs = byPlace.get(key)?.selfUs ?? 0;
    const name = functionName === '' ? '(anonymous)' : functionName;
    byPlace.set(key, { name, url, line: lineNumber, column: columnNumber, selfUs: earlierUs + us });
  }
  return { windowUs, idleUs, functions: [...byPlace.values()].toSorted((a, b) => b.selfUs - a.selfUs) };
}

/** Which thread of a member a profile is of. */
export function threadOf(profile: CpuProfile): 'API' | 'consensus' | 'apply' {
  const ran = (program: RegExp): boolean => profile.nodes.some(({ callFrame }) => program.test(callFrame.url));
  return ran(/consensus[.-](worker|thread)\.js$/) ? 'consensus' : ran(/apply[.-](worker|thread)\.js$/) ? 'apply' : 'API';
}
