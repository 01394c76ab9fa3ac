/** The name of a gRPC status code, in the order of the codes. */
export const statusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type StatusName = (typeof statusNames)[number];

/**
 * What the client itself does about a failure, within the bounds of the call.
 *
 * - `never`: nothing; the answer is final.
 * - `again`: certainly not done: the same call goes out again.
 * - `elsewhere`: the same, but to another member.
 * - `as-new-write`: certainly not done, and that was written down: it goes out again with a new number in its session.
 * - `same-session`: a write may have been done: it goes out again only in its session and with its number. A read just again.
 * - `new-session`: the session is gone: a write that was certainly not done goes out in a new one.
 * - `without-token`: the token is of no use any more: one that the client kept by itself is dropped, and the read goes out again.
 */
export type Remedy = 'never' | 'again' | 'elsewhere' | 'as-new-write' | 'same-session' | 'new-session' | 'without-token';

interface ReasonEntry {
  /** The status that carries it; for a failure of the client's own, what it counts as. */
  readonly code: StatusName;
  readonly remedy: Remedy;
  /** What a person can do. */
  readonly next: string;
}

/**
 * Every reason that an error of this client may have: the one table of them.
 *
 * Those of the cluster are named as `google.rpc.ErrorInfo` carries them in the domain `env-cli`.
 */
export const reasonTable = {
  // The cluster's own.
  INVALID_FIELD: { code: 'INVALID_ARGUMENT', remedy: 'never', next: 'Correct the field that the message names.' },
  TOO_LARGE: { code: 'INVALID_ARGUMENT', remedy: 'never', next: 'Make it smaller, or split it.' },
  ENVIRONMENT_NOT_FOUND: { code: 'NOT_FOUND', remedy: 'never', next: 'Check its name and namespace, or create it first.' },
  ENVIRONMENT_EXISTS: {
    code: 'ALREADY_EXISTS',
    remedy: 'never',
    next: 'Set its variables instead of creating it, or choose another name.',
  },
  CONDITION_FAILED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Read what is there now, and decide again.' },
  SECRET_MARK_CHANGED: { code: 'ABORTED', remedy: 'as-new-write', next: 'Send the write again.' },
  COMPACTED: {
    code: 'OUT_OF_RANGE',
    remedy: 'never',
    next: 'Begin at the oldest revision that is kept, or read the newest state.',
  },
  REVISION_IN_FUTURE: { code: 'OUT_OF_RANGE', remedy: 'never', next: 'Ask for a revision that the cluster has reached.' },
  SESSION_UNKNOWN: {
    code: 'FAILED_PRECONDITION',
    remedy: 'new-session',
    next: 'Read what is there, and write again if it is still wanted.',
  },
  SEQUENCE_FORGOTTEN: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Read what is there, and write again if it is still wanted.',
  },
  SESSION_FULL: { code: 'RESOURCE_EXHAUSTED', remedy: 'again', next: 'Wait for earlier writes before sending more.' },
  TOO_MANY_SESSIONS: {
    code: 'RESOURCE_EXHAUSTED',
    remedy: 'never',
    next: 'Close clients that are not needed, or wait until unused sessions expire.',
  },
  EARLIER_VERSION: {
    code: 'UNIMPLEMENTED',
    remedy: 'never',
    next: "Upgrade that member; if it leads, let an upgraded one lead meanwhile: 'env-cli cluster transfer-leader'.",
  },
  FEATURE_LEVEL_TOO_LOW: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: "Upgrade every member, and raise the level: 'env-cli cluster level'.",
  },
  MEMBERS_NOT_READY: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Upgrade, start or remove the members that are named.',
  },
  NOT_BOOTSTRAPPED: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Found the cluster: start its members with --bootstrap once.',
  },
  ALREADY_BOOTSTRAPPED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Start the members without --bootstrap.' },
  MIRROR_NOT_FOUND: { code: 'NOT_FOUND', remedy: 'never', next: 'List the mirrors of the namespace to see which there are.' },
  MIRROR_EXISTS: { code: 'ALREADY_EXISTS', remedy: 'never', next: 'Update it, or choose another name.' },
  MIRROR_OVERLAPS: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Choose a target that does not overlap with that of another mirror.',
  },
  TOO_MANY_MIRRORS: { code: 'RESOURCE_EXHAUSTED', remedy: 'never', next: 'Delete a mirror, or widen the selector of another.' },
  MIRROR_TARGET_FIXED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Delete the mirror and create another.' },
  MIRROR_TARGET_UNREADABLE: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Mend what the message names, at the target.' },
  MIRROR_WORKER_AWAY: { code: 'UNAVAILABLE', remedy: 'again', next: 'Try again in a moment.' },
  TOO_MANY_BACKUPS: { code: 'UNAVAILABLE', remedy: 'elsewhere', next: 'Ask another member, or try again later.' },
  BACKUP_NO_ROOM: { code: 'RESOURCE_EXHAUSTED', remedy: 'never', next: 'Make room on the member’s disk, or ask another member.' },
  BACKUP_FAILED: { code: 'UNAVAILABLE', remedy: 'elsewhere', next: 'Ask another member.' },
  BACKUP_STALLED: { code: 'DEADLINE_EXCEEDED', remedy: 'never', next: 'Begin a new backup, and read it faster.' },
  STALE_TERM: { code: 'ABORTED', remedy: 'never', next: 'Nothing: the present leader delivers again.' },
  ENTRY_FULL: { code: 'UNAVAILABLE', remedy: 'again', next: 'Send it again.' },
  MALFORMED_MESSAGE: {
    code: 'INVALID_ARGUMENT',
    remedy: 'never',
    next: 'Check that client and cluster were made from the same .proto files.',
  },
  TOKEN_MALFORMED: { code: 'INVALID_ARGUMENT', remedy: 'never', next: 'Begin without the token.' },
  TOKEN_FOREIGN: {
    code: 'INVALID_ARGUMENT',
    remedy: 'never',
    next: 'Check which cluster the addresses belong to, and begin without the token.',
  },
  TOKEN_MISMATCH: {
    code: 'INVALID_ARGUMENT',
    remedy: 'never',
    next: 'Keep all but the page size as it was, or begin without the token.',
  },
  TOKEN_AHEAD: { code: 'OUT_OF_RANGE', remedy: 'without-token', next: 'Begin without the token: the state that it saw is lost.' },
  EPOCH_CHANGED: {
    code: 'FAILED_PRECONDITION',
    remedy: 'without-token',
    next: 'The cluster was restored: drop the token, and read or list again.',
  },
  WATCH_ID_TAKEN: { code: 'INVALID_ARGUMENT', remedy: 'never', next: 'Report this as a fault of the client.' },
  WATCH_ID_UNKNOWN: { code: 'INVALID_ARGUMENT', remedy: 'never', next: 'Report this as a fault of the client.' },
  TOO_MANY_WATCHES: { code: 'RESOURCE_EXHAUSTED', remedy: 'never', next: 'Watch a prefix instead of single environments.' },
  STATE_REPLACED: { code: 'ABORTED', remedy: 'again', next: 'Begin the watch again with its resume token.' },
  CALL_ID_TAKEN: { code: 'INVALID_ARGUMENT', remedy: 'never', next: 'Report this as a fault of the client.' },
  REPLAYED_REFUSAL: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Read what is there now, decide again, and send a new write.',
  },
  FORWARDED_TWICE: { code: 'UNAVAILABLE', remedy: 'again', next: 'Try again.' },
  FORWARD_UNPROVEN: {
    code: 'UNAUTHENTICATED',
    remedy: 'never',
    next: 'Leave the header env-cli-forwarded-by out: only members send it.',
  },
  LEADER_UNREACHED: { code: 'UNAVAILABLE', remedy: 'elsewhere', next: 'Try again, or give the address of another member.' },
  CERTIFICATE_NAMELESS: {
    code: 'UNAUTHENTICATED',
    remedy: 'never',
    next: 'Bring a certificate with URI:env-cli://principal/NAME among its names.',
  },
  DATA_KEY_AWAY: { code: 'UNAVAILABLE', remedy: 'elsewhere', next: 'Try again: the member opens the new key in a moment.' },
  KEYRING_CHANGED: { code: 'ABORTED', remedy: 'never', next: "See 'env-cli cluster keys', and try again if it is still needed." },
  MASTER_KEY_MISSING: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Bring the new master key to the members that the message names.',
  },
  MASTER_KEY_SAME: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Add the new master key on all members first.' },
  MASTER_KEY_UNUSABLE: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Mend what the message names.' },
  NOTHING_SEALED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Start the members with a master key.' },
  SECRETS_LOCKED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Start the member with the master key, or ask another.' },
  SECRET_BROKEN: { code: 'DATA_LOSS', remedy: 'never', next: 'Set the secret again, and check the disks of the members.' },
  SECRET_NOT_SEALED: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Ask another member: this one runs without the master key.',
  },
  MEMBER_UNREACHED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Start the new member with --join first.' },
  MEMBER_NOT_FOUND: { code: 'NOT_FOUND', remedy: 'never', next: 'List the members.' },
  MEMBER_BEHIND: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Wait until the member has caught up, and promote it again.',
  },
  QUORUM_NEEDED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Bring members back, or add one, first.' },
  MEMBERS_CHANGING: { code: 'UNAVAILABLE', remedy: 'again', next: 'Try again in a moment.' },
  MEMBER_ROLE: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'See the role of the member.' },
  LEAD_KEPT: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'See whether the member runs and keeps up.' },
  MEMBER_NUMBER_USED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Start the new member with the next number.' },
  MEMBER_ADDRESS_USED: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Give the new member an address of its own.' },
  TOO_MANY_MEMBERS: { code: 'RESOURCE_EXHAUSTED', remedy: 'never', next: 'Remove a member first.' },
  NOSPACE: {
    code: 'RESOURCE_EXHAUSTED',
    remedy: 'never',
    next: 'Delete what is not needed and compact the history, or raise the quota.',
  },
  TOO_MANY_DATA_KEYS: { code: 'RESOURCE_EXHAUSTED', remedy: 'never', next: 'Rotate data keys less often.' },
  NO_LEADER: {
    code: 'UNAVAILABLE',
    remedy: 'elsewhere',
    next: "Try again; if it stays so, see whether a majority of the members runs: 'env-cli cluster status'.",
  },
  TOO_BUSY: { code: 'UNAVAILABLE', remedy: 'again', next: 'Try again, more slowly.' },
  TOO_STALE: { code: 'UNAVAILABLE', remedy: 'elsewhere', next: 'Try again, or allow more lag.' },
  STOPPING: { code: 'UNAVAILABLE', remedy: 'elsewhere', next: 'Try again: another member takes over.' },
  OUTCOME_UNKNOWN: {
    code: 'UNKNOWN',
    remedy: 'same-session',
    next: 'Read what is there before you write again: the write may have been done.',
  },
  DEADLINE_EXCEEDED: { code: 'DEADLINE_EXCEEDED', remedy: 'again', next: 'Allow more time.' },
  INTERNAL: { code: 'INTERNAL', remedy: 'never', next: "See the member's log, and report this." },

  // What is known by its status alone: of a newer cluster, or of something between.
  OTHER: { code: 'UNKNOWN', remedy: 'never', next: 'See the code and the message.' },

  // The client's own.
  CONNECTION_LOST: { code: 'UNAVAILABLE', remedy: 'same-session', next: 'Try again.' },
  UNREACHABLE: { code: 'UNAVAILABLE', remedy: 'never', next: 'Check the addresses, and whether the members run.' },
  CERTIFICATE_REFUSED: {
    code: 'UNAUTHENTICATED',
    remedy: 'never',
    next: 'Bring a certificate that is valid, of the authority that the members believe, and the certificate of that authority.',
  },
  CANCELLED: { code: 'CANCELLED', remedy: 'never', next: 'Nothing: the caller gave it up.' },
  CLIENT_CLOSED: { code: 'CANCELLED', remedy: 'never', next: 'Connect again.' },
  CLIENT_OVERLOADED: { code: 'RESOURCE_EXHAUSTED', remedy: 'never', next: 'Wait for earlier calls before making more.' },
  VARIABLES_INVALID: {
    code: 'FAILED_PRECONDITION',
    remedy: 'never',
    next: 'Mend the variables that the message names, or the schema.',
  },
  NOT_READY: { code: 'FAILED_PRECONDITION', remedy: 'never', next: 'Wait for `ready` first.' },
  MALFORMED_ANSWER: {
    code: 'INTERNAL',
    remedy: 'never',
    next: 'Check that client and cluster were made from the same .proto files.',
  },
} as const satisfies Record<string, ReasonEntry>;

/** Why a call failed. A closed set: branch on it. */
export type Reason = keyof typeof reasonTable;
