/**
 * Imported before everything else: libuv reads this once, when the first file is touched.
 *
 * Its default of 4 threads is shared by every sync of the log, of checkpoints and of mirrored files, so that four calls to
 * a target that hangs would hold up the log. An operator's own setting stays.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '16';
