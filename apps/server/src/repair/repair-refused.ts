/** What was wrong with a repair, where, and what to do next. Nothing was changed. */
export class RepairRefused extends Error {
  override readonly name = 'RepairRefused';
}

/** The new state has taken its place, and that could not be noted: an alarm about the one before still counts. Made again, the repair comes to its end. */
export class RepairUnfinished extends Error {
  override readonly name = 'RepairUnfinished';
}
