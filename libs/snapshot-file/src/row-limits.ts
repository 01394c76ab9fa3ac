/** The longest key that the tables take. */
export const keyBytesMax = 1_024;

/**
 * The longest value. From 16 MiB on lmdb-js answers a view of its memory map instead of a copy (`SHARED_BUFFER_THRESHOLD`
 * in its src/lmdb-js.h), which the next transaction may overwrite and which outlives the map.
 */
export const valueBytesMax = 0x1_00_00_00 - 1;
