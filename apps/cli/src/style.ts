import pc from 'picocolors';

import type { Io, Sink } from './io.ts';

/** How text is marked on a terminal; off a terminal it is left as it is. */
export type Style = ReturnType<typeof pc.createColors>;

/** Colours where a person looks, unless NO_COLOR (no-color.org) says otherwise. */
export function styleFor(sink: Sink, io: Io): Style {
  const refused = (io.env['NO_COLOR'] ?? '') !== '' || io.env['TERM'] === 'dumb';
  return pc.createColors(sink.isTTY === true && !refused);
}
