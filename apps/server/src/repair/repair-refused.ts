/** What was wrong with a repair, where, and what to do next. Nothing was changed. */
export class RepairRefused extends Error {
  override readonly name = 'RepairRefused';
}
