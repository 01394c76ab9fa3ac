declare const brand: unique symbol;

/** A primitive that is told from others of the same representation by the compiler alone; it costs nothing at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
