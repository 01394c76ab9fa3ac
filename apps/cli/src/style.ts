import pc from 'picocolors';

import type { Io, Sink } from './io.ts';
import type { Color } from './options.ts';

/** How text is marked on a terminal; off a terminal it is left as it is. */
export type Style = ReturnType<typeof pc.createColors>;

/** Colours as they are asked for; unless they are, where a person looks and NO_COLOR (no-color.org) does not say otherwise. */
export function styleFor(sink: Sink, io: Io, color: Color): Style {
  const refused = (io.env['NO_COLOR'] ?? '') !== '' || io.env['TERM'] === 'dumb';
  return pc.createColors(color === 'always' || (color === 'auto' && sink.isTTY === true && !refused));
}
