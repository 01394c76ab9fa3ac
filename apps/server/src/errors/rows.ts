import type { CurrentEnvironment } from '@env-cli/environments';
import { hexOf } from '@env-cli/support';
import { status } from '@grpc/grpc-js';

import { promotionLagEntriesMax } from '../member/change-check.ts';
import type { ApiRefusal, ApiRefusalCode } from './refused.ts';

/** How one refusal looks to a client. */
export interface RefusalRow<R> {
  /** Stable: clients branch on it. */
  readonly reason: string;
  readonly status: status;
  /** What the reason means and what to do, for docs/errors.md. */
  readonly meaning: string;
  /** What, where and what next, for the one who asked. Holds no value of a variable. */
  readonly message: (refusal: R) => string;
  /** Facts for programs. */
  readonly facts?: (refusal: R) => Readonly<Record<string, string | number | boolean>>;
  /** The field of the request that is to be mended. */
  readonly field?: (refusal: R) => { readonly field: string; readonly description: string };
  /** What had to hold and did not. */
  readonly precondition?: (refusal: R) => { readonly type: string; readonly subject: string; readonly description: string };
  /** How long to wait before the same is tried again, where that may help. */
  readonly retryAfterMs?: number;
}

type Rows = { readonly [Code in ApiRefusalCode]: RefusalRow<Extract<ApiRefusal, { code: Code }>> };

/**
 * The one place where a refusal becomes a status. A new code does not compile until it has a row.
 *
 * UNAVAILABLE is kept for what was certainly not proposed, so that every client may retry it.
 */
export const refusalRows: Rows = {
  invalid: {
    reason: 'INVALID_FIELD',
    status: status.INVALID_ARGUMENT,
    meaning: 'A field of the request breaks a rule. `BadRequest` names the field; mend it.',
    message: ({ field, problem }) => `${field}: ${problem}`,
    field: ({ field, problem }) => ({ field, description: problem }),
  },
  'too-large': {
    reason: 'TOO_LARGE',
    status: status.INVALID_ARGUMENT,
    meaning:
      'A limit would be exceeded. The facts hold the limit’s name, its value and what was asked for; split the request, or make it smaller.',
    message: ({ field, limit, max, actual }) =>
      `${field}: ${actual} is above the limit ${limit} of ${max}; make it smaller or split it`,
    facts: ({ limit, max, actual }) => ({ limit, max, actual }),
    field: ({ field, limit, max, actual }) => ({ field, description: `${actual} is above the limit ${limit} of ${max}` }),
  },
  'not-found': {
    reason: 'ENVIRONMENT_NOT_FOUND',
    status: status.NOT_FOUND,
    meaning: 'There is no environment of that name in the namespace. Check the name, or create it.',
    message: ({ environment }) => `there is no environment ${environment}; check its name and namespace, or create it first`,
    facts: ({ environment, field }) => ({ environment, field }),
  },
  'already-exists': {
    reason: 'ENVIRONMENT_EXISTS',
    status: status.ALREADY_EXISTS,
    meaning: 'There is an environment of that name already. The facts say since which revision; set its variables instead.',
    message: ({ environment, current }) =>
      `${environment} exists already, ${since(current)}; set its variables instead of creating it`,
    facts: ({ environment, field, current }) => ({ environment, field, ...factsOf(current) }),
  },
  'condition-failed': {
    reason: 'CONDITION_FAILED',
    status: status.FAILED_PRECONDITION,
    meaning: 'A condition of the write does not hold. The facts say what is there now; look at it, and write again on top of it.',
    message: ({ field, environment, variable, current }) =>
      `${field}: ${conditionText(environment, variable, current)}; read it and decide again`,
    facts: ({ environment, variable, field, current }) => ({
      environment,
      ...(variable === '' ? {} : { variable }),
      field,
      ...factsOf(current),
    }),
    precondition: ({ environment, variable, current }) => ({
      type: variable === '' ? 'ENVIRONMENT' : 'VARIABLE',
      subject: variable === '' ? environment : `${environment} ${variable}`,
      description: conditionText(environment, variable, current),
    }),
  },
  'secret-mark-changed': {
    reason: 'SECRET_MARK_CHANGED',
    status: status.ABORTED,
    meaning:
      'A variable became a secret, or ceased to be one, while the write was under way. Send it again, as a new write of the session.',
    message: ({ environment, variable, secret }) =>
      `${environment} ${variable} ${secret ? 'has just become a secret' : 'has just ceased to be a secret'}; send the write again`,
    facts: ({ environment, variable, secret }) => ({ environment, variable, secret }),
  },
  compacted: {
    reason: 'COMPACTED',
    status: status.OUT_OF_RANGE,
    meaning:
      'The revision is older than what is kept. The facts hold the oldest that can be read; begin there, or read the newest state.',
    message: ({ asked, oldest }) => `revision ${asked} was compacted; the oldest that can be read is ${oldest}`,
    facts: ({ asked, oldest }) => ({ asked, oldest }),
  },
  'future-revision': {
    reason: 'REVISION_IN_FUTURE',
    status: status.OUT_OF_RANGE,
    meaning:
      'The revision does not exist yet. The facts hold the newest; a client that learnt it from an answer passes that answer’s token with the read.',
    message: ({ asked, newest }) => `revision ${asked} does not exist yet; the newest is ${newest}`,
    facts: ({ asked, newest }) => ({ asked, newest }),
  },
  'session-unknown': {
    reason: 'SESSION_UNKNOWN',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The session was never opened, was closed, or has expired. The write was not executed by this attempt; open a new session, and check whether an earlier attempt succeeded.',
    message: () =>
      'the session does not exist (never opened, closed or expired); open a new one, and look whether an earlier attempt succeeded',
  },
  'sequence-forgotten': {
    reason: 'SEQUENCE_FORGOTTEN',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The write’s number lies below `first_incomplete`, which said that its answer had been seen. It was not executed by this attempt.',
    message: ({ sequence, firstIncomplete }) =>
      `write ${sequence} of the session lies below first_incomplete (${firstIncomplete}) and is forgotten; use the next number for a new write`,
    facts: ({ sequence, firstIncomplete }) => ({ sequence, first_incomplete: firstIncomplete }),
  },
  'session-full': {
    reason: 'SESSION_FULL',
    status: status.RESOURCE_EXHAUSTED,
    meaning:
      'The session keeps as many answers as it may. Raise `first_incomplete` to the lowest number whose answer is still awaited.',
    message: ({ max }) =>
      `the session keeps ${max} answers, which is all it may; raise first_incomplete to the lowest number that still waits`,
    facts: ({ max }) => ({ max }),
  },
  'too-many-sessions': {
    reason: 'TOO_MANY_SESSIONS',
    status: status.RESOURCE_EXHAUSTED,
    meaning: 'The cluster holds as many sessions as it may. Close those that are not needed, or wait until unused ones expire.',
    message: ({ max }) => `the cluster holds ${max} sessions, which is all it may; close some, or wait until unused ones expire`,
    facts: ({ max }) => ({ max }),
    retryAfterMs: 10_000,
  },
  'level-too-low': {
    reason: 'FEATURE_LEVEL_TOO_LOW',
    status: status.FAILED_PRECONDITION,
    meaning:
      'This came with a later feature level than the cluster has. Upgrade every member; the level rises by itself then, or at once with `env-cli cluster level --raise`.',
    message: ({ needed, level }) =>
      `this needs feature level ${needed}, and the cluster has ${level}: upgrade every member, and raise the level ('env-cli cluster level' shows who is in the way)`,
    facts: ({ needed, level }) => ({ needed, level }),
  },
  'not-bootstrapped': {
    reason: 'NOT_BOOTSTRAPPED',
    status: status.FAILED_PRECONDITION,
    meaning: 'The cluster was not founded yet. Start its first members with `--bootstrap`.',
    message: () => 'the cluster was not founded yet; start its members with --bootstrap once',
  },
  'already-bootstrapped': {
    reason: 'ALREADY_BOOTSTRAPPED',
    status: status.FAILED_PRECONDITION,
    meaning: 'The cluster exists already.',
    message: () => 'the cluster exists already; start its members without --bootstrap',
  },
  'secrets-locked': {
    reason: 'SECRETS_LOCKED',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The member has no master key, so it neither takes nor shows secrets. Start it with `--master-key-file` or `--master-key-command` (docs/security.md), or ask another member.',
    message: ({ environment, variable }) =>
      `${environment === '' ? '' : `${environment} ${variable}: `}this member has no master key, and neither takes nor shows secrets; start it with --master-key-file (docs/security.md), or ask another member`,
    facts: ({ environment, variable }) => (environment === '' ? {} : { environment, variable }),
  },
  'data-key-away': {
    reason: 'DATA_KEY_AWAY',
    status: status.UNAVAILABLE,
    meaning:
      'The member has not opened the data key yet by which the value is sealed. Try again, or ask another member; if it stays so, look into the member’s log.',
    message: ({ environment, variable, keyId }) =>
      `${environment} ${variable} is sealed by data key ${keyId}, which this member has not opened yet; try again, or ask another member`,
    facts: ({ environment, variable, keyId }) => ({ environment, variable, data_key: keyId }),
    retryAfterMs: 200,
  },
  'secret-broken': {
    reason: 'SECRET_BROKEN',
    status: status.DATA_LOSS,
    meaning:
      'What is stored for the secret was not sealed for that place by that key: the disk changed it, or somebody moved it. Set the secret again, and check the disks.',
    message: ({ environment, variable, keyId }) =>
      `${environment} ${variable} cannot be opened: what is stored there was not sealed for it by data key ${keyId}; set it again, and check the disks of the members`,
    facts: ({ environment, variable, keyId }) => ({ environment, variable, data_key: keyId }),
  },
  'certificate-nameless': {
    reason: 'CERTIFICATE_NAMELESS',
    status: status.UNAUTHENTICATED,
    meaning:
      'The certificate of the client names nobody. It needs `URI:env-cli://principal/NAME` among its subject alternative names, or a common name, of letters, digits and `._@+-`.',
    message: () =>
      'your certificate names nobody; it needs URI:env-cli://principal/NAME among its subject alternative names, or a common name, of letters, digits and ._@+-',
  },
  'keyring-changed': {
    reason: 'KEYRING_CHANGED',
    status: status.ABORTED,
    meaning: 'Somebody else changed the keys at the same time. Look at them, and try again if it is still needed.',
    message: () =>
      'somebody else changed the keys at the same time; look at them (env-cli cluster keys), and try again if it is still needed',
  },
  'nothing-sealed': {
    reason: 'NOTHING_SEALED',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The cluster or the member has no keys for secrets, so there are none to show or to rotate. Start its members with a master key.',
    message: () => 'this member seals nothing; start it with --master-key-file or --master-key-command (docs/security.md)',
  },
  'master-key-same': {
    reason: 'MASTER_KEY_SAME',
    status: status.FAILED_PRECONDITION,
    meaning: 'The newest master key of the member is the one in use already. Add the new one behind it, on all members, first.',
    message: ({ masterKey, where }) =>
      `the last key in ${where} is ${masterKey}, which is in use already; add the new one as its last line, on every member, and ask again`,
    facts: ({ masterKey }) => ({ master_key: masterKey }),
  },
  'master-key-missing': {
    reason: 'MASTER_KEY_MISSING',
    status: status.FAILED_PRECONDITION,
    meaning:
      'Members do not have the new master key, or do not answer: they could not start any more afterwards. Bring the key to them, or force the rotation.',
    message: ({ masterKey, members }) =>
      `members ${members.join(', ')} do not have the master key ${masterKey} or do not answer, and could not start any more afterwards; bring it to them, or add --force`,
    facts: ({ masterKey, members }) => ({ master_key: masterKey, members: members.join(',') }),
  },
  'master-key-unusable': {
    reason: 'MASTER_KEY_UNUSABLE',
    status: status.FAILED_PRECONDITION,
    meaning: 'The master key cannot be used at the member that was asked. The message says why.',
    message: inOwnWords,
  },
  'secret-not-sealed': {
    reason: 'SECRET_NOT_SEALED',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The cluster seals its secrets, and the member that was asked runs with `--plain-secrets`, which it must not. Ask another member, and start this one with the master key.',
    message: ({ environment, variable }) =>
      `${environment} ${variable} came unsealed, and this cluster seals its secrets; ask another member, and start this one with the master key`,
    facts: ({ environment, variable }) => ({ environment, variable }),
  },
  'too-many-data-keys': {
    reason: 'TOO_MANY_DATA_KEYS',
    status: status.RESOURCE_EXHAUSTED,
    meaning: 'The cluster has as many data keys as it may. Rotate them less often.',
    message: ({ max }) =>
      `the cluster has ${max} data keys, which is all it may; no further one can be added, and the newest goes on sealing`,
    facts: ({ max }) => ({ max }),
  },
  'member-unreached': {
    reason: 'MEMBER_UNREACHED',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The member that is to be added does not answer at its peer address, or is another one. Start it with `--join` first.',
    message: ({ memberId, address, problem }) =>
      `member ${memberId} does not wait at ${address} to be added (${problem}); start it there with --join and an empty data directory first`,
    facts: ({ memberId, address }) => ({ member_id: memberId, address }),
  },
  'member-not-found': {
    reason: 'MEMBER_NOT_FOUND',
    status: status.NOT_FOUND,
    meaning: 'The cluster has no member of that number. List the members.',
    message: ({ memberId }) => `there is no member ${memberId}; list the members to see which there are`,
    facts: ({ memberId }) => ({ member_id: memberId }),
  },
  'quorum-needed': {
    reason: 'QUORUM_NEEDED',
    status: status.FAILED_PRECONDITION,
    meaning:
      'After the change too few of the voters that are left would answer for a quorum. Bring members back, or add one, first.',
    message: ({ memberIds, answering, needed }) =>
      `after this change of ${memberIds.length === 1 ? 'member' : 'members'} ${memberIds.join(', ')} a quorum would be ${needed} voters, and only ${answering} would answer; bring others back, or add a member, first`,
    facts: ({ memberIds, answering, needed }) => ({ member_id: memberIds.join(','), answering, needed }),
  },
  'member-behind': {
    reason: 'MEMBER_BEHIND',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The learner lacks too much of the log to vote: nothing could be committed with its vote before it has that. Wait, and promote it again.',
    message: ({ memberId, lackingEntries }) =>
      `member ${memberId} lacks ${lackingEntries} entries of the log, and a learner that is promoted may lack ${promotionLagEntriesMax}; see that it runs, wait until it has caught up, and promote it again`,
    facts: ({ memberId, lackingEntries }) => ({ member_id: memberId, lacking_entries: lackingEntries }),
  },
  'members-changing': {
    reason: 'MEMBERS_CHANGING',
    status: status.UNAVAILABLE,
    meaning: 'A change of the members, or a transfer of the lead, is under way, or the leader is new. Try again in a moment.',
    message: ({ problem }) => `${problem}; try again in a moment`,
  },
  'member-role': {
    reason: 'MEMBER_ROLE',
    status: status.FAILED_PRECONDITION,
    meaning: 'What was asked for is not for a member of that role. The message says why.',
    message: ({ problem }) => problem,
  },
  'members-not-ready': {
    reason: 'MEMBERS_NOT_READY',
    status: status.FAILED_PRECONDITION,
    meaning:
      'The feature level is raised when every member, voter or learner, is there and runs a program that understands it. Upgrade, start or remove those that are named.',
    message: ({ asked, level, problem }) =>
      `the feature level stays ${level}, for not every member is ready for ${asked}: ${problem}`,
    facts: ({ asked, level, members }) => ({ asked, level, members: members.join(',') }),
  },
  'lead-kept': {
    reason: 'LEAD_KEPT',
    status: status.FAILED_PRECONDITION,
    meaning: 'The member did not take the lead within an election timeout: it is away or slow. The leader leads on.',
    message: () =>
      'the member did not take the lead within an election timeout, and the leader leads on; see whether that member runs and keeps up',
  },
  'member-number-used': {
    reason: 'MEMBER_NUMBER_USED',
    status: status.FAILED_PRECONDITION,
    meaning: 'A member had that number, or a higher one, before. Numbers are given once and rising: the message tells the next.',
    message: ({ memberId, next }) =>
      `the number ${memberId} was used before, or a higher one was; numbers are given once. Start the new member as member ${next} with an empty data directory`,
    facts: ({ memberId, next }) => ({ member_id: memberId, next }),
  },
  'member-address-used': {
    reason: 'MEMBER_ADDRESS_USED',
    status: status.FAILED_PRECONDITION,
    meaning: 'Another member has that address.',
    message: ({ address, memberId }) =>
      `member ${memberId} has the address ${address}; give the new member one of its own, or remove that one first`,
    facts: ({ address, memberId }) => ({ address, member_id: memberId }),
  },
  'too-many-members': {
    reason: 'TOO_MANY_MEMBERS',
    status: status.RESOURCE_EXHAUSTED,
    meaning: 'The cluster has as many members as it may. Remove one first.',
    message: ({ max }) => `the cluster has ${max} members, which is all it may; remove one first`,
    facts: ({ max }) => ({ max }),
  },
  'no-space': {
    reason: 'NOSPACE',
    status: status.RESOURCE_EXHAUSTED,
    meaning:
      'The state takes as many bytes as the quota lets it. Deletions are let in: delete what is not needed and compact the history, or raise the quota.',
    message: ({ stateBytes, quotaBytes }) =>
      `the state takes ${stateBytes} bytes, and the quota is ${quotaBytes}; compact the history ('env-cli cluster compact'), delete what is not needed, or raise the quota ('env-cli cluster quota')`,
    facts: ({ stateBytes, quotaBytes }) => ({ state_bytes: stateBytes, quota_bytes: quotaBytes }),
  },
  'mirror-not-found': {
    reason: 'MIRROR_NOT_FOUND',
    status: status.NOT_FOUND,
    meaning: 'There is no mirror of that name in the namespace. List the mirrors.',
    message: ({ mirror }) => `there is no mirror ${mirror}; list the mirrors of the namespace to see which there are`,
    facts: ({ mirror }) => ({ mirror }),
  },
  'mirror-exists': {
    reason: 'MIRROR_EXISTS',
    status: status.ALREADY_EXISTS,
    meaning:
      'There is a mirror of that name already, or one that is still withdrawing what it wrote. Update it, wait, or choose another name.',
    message: ({ mirror, deleting }) =>
      deleting
        ? `mirror ${mirror} is being deleted and still withdraws what it wrote; wait until it is gone, or choose another name`
        : `mirror ${mirror} exists already; update it, or choose another name`,
    facts: ({ mirror, deleting }) => ({ mirror, deleting }),
  },
  'target-overlap': {
    reason: 'MIRROR_OVERLAPS',
    status: status.FAILED_PRECONDITION,
    meaning:
      'Another mirror writes to the same place, and the two would undo each other’s work. Choose a target outside of the other’s, or delete the other mirror first.',
    message: ({ asked, mirror, namespace, targetKey }) => {
      const other = `mirror ${mirror} of namespace ${namespace}`;
      const own = asked === undefined ? 'this mirror' : `mirror ${asked.mirror} to ${asked.targetKey}`;
      return `${own} would overlap with ${other}, which writes to ${targetKey}: the two would undo each other’s work; choose a target outside of ${targetKey}, or delete ${other} first`;
    },
    facts: ({ mirror, namespace, targetKey }) => ({ mirror, namespace, target: targetKey }),
    precondition: ({ mirror, targetKey }) => ({
      type: 'MIRROR_TARGET',
      subject: targetKey,
      description: `written by mirror ${mirror}`,
    }),
  },
  'too-many-mirrors': {
    reason: 'TOO_MANY_MIRRORS',
    status: status.RESOURCE_EXHAUSTED,
    meaning: 'The cluster has as many mirrors as it may. Delete one, or let one mirror carry more by a wider selector.',
    message: ({ max }) => `the cluster has ${max} mirrors, which is all it may; delete one, or widen the selector of another`,
    facts: ({ max }) => ({ max }),
  },
  'target-key-fixed': {
    reason: 'MIRROR_TARGET_FIXED',
    status: status.FAILED_PRECONDITION,
    meaning:
      'A mirror’s target cannot be changed, or what it wrote there would be nobody’s. Delete the mirror and create another.',
    message: ({ mirror, targetKey }) =>
      `mirror ${mirror} writes to ${targetKey}, and that cannot be changed; delete it and create another`,
    facts: ({ mirror, targetKey }) => ({ mirror, target: targetKey }),
  },
  'stale-term': {
    reason: 'STALE_TERM',
    status: status.ABORTED,
    meaning: 'A report of a delivery came from a former leader and was set aside. The present leader delivers again.',
    message: ({ term, current }) =>
      `the report is of term ${term}, and the term is ${current}; the present leader delivers again`,
    facts: ({ term, current }) => ({ term, current }),
  },
  'entry-full': {
    reason: 'ENTRY_FULL',
    status: status.UNAVAILABLE,
    meaning: 'The write did not fit beside the others that were under way. It was not executed; send it again.',
    message: () => 'the write did not fit beside others that were under way and was not executed; send it again',
    retryAfterMs: 10,
  },

  'malformed-message': {
    reason: 'MALFORMED_MESSAGE',
    status: status.INVALID_ARGUMENT,
    meaning: 'The bytes of a message are not those of its type. Check that client and server use the same `.proto` files.',
    message: ({ message }) => `the request is no ${message}; check that the client was made from this API’s .proto files`,
    facts: ({ message }) => ({ message }),
  },
  'token-malformed': {
    reason: 'TOKEN_MALFORMED',
    status: status.INVALID_ARGUMENT,
    meaning: 'A token is none that this service made, or was changed on its way. Begin without it.',
    message: ({ token, field }) =>
      `${field}: this is no ${token} of this service, or it was cut or changed on its way; begin without it`,
    facts: ({ token }) => ({ token }),
    field: ({ token, field }) => ({ field, description: `no ${token} of this service` }),
  },
  'token-foreign': {
    reason: 'TOKEN_FOREIGN',
    status: status.INVALID_ARGUMENT,
    meaning: 'A token comes from another cluster. Check which cluster the client talks to; begin without the token.',
    message: ({ token, field }) => `${field}: this ${token} was made by another cluster; check the address, and begin without it`,
    facts: ({ token }) => ({ token }),
    field: ({ token, field }) => ({ field, description: `a ${token} of another cluster` }),
  },
  'epoch-changed': {
    reason: 'EPOCH_CHANGED',
    status: status.FAILED_PRECONDITION,
    meaning: 'The cluster was restored since the token was made: what the token saw may be gone. Drop the token and read again.',
    message: ({ token, epoch, current }) =>
      `the ${token} was made before the cluster was restored (epoch ${epoch}, now ${current}); drop it and read again`,
    facts: ({ token, epoch, current }) => ({ token, epoch, current }),
  },
  'token-mismatch': {
    reason: 'TOKEN_MISMATCH',
    status: status.INVALID_ARGUMENT,
    meaning:
      'A page token belongs to another method, or to a request that asked for something else. Only `page_size` may change from page to page.',
    message: ({ token, field, problem }) =>
      `${field}: the ${token} ${problem}; keep all but page_size as it was, or begin without it`,
    facts: ({ token }) => ({ token }),
    field: ({ token, field, problem }) => ({ field, description: `the ${token} ${problem}` }),
  },
  'token-ahead': {
    reason: 'TOKEN_AHEAD',
    status: status.OUT_OF_RANGE,
    meaning: 'A read token saw more than the leader has. It comes from a state that was lost; drop it and read again.',
    message: ({ index, applied }) =>
      `the read token saw log index ${index}, and the leader has ${applied}; drop the token and read again`,
    facts: ({ index, applied }) => ({ index, applied }),
  },
  'forwarded-twice': {
    reason: 'FORWARDED_TWICE',
    status: status.UNAVAILABLE,
    meaning: 'The member to which the call was forwarded does not lead any more. Nothing was proposed; try again.',
    message: ({ memberId }) => `member ${memberId} was taken for the leader and is not (any more); try again`,
    facts: ({ memberId }) => ({ member_id: memberId }),
    retryAfterMs: 100,
  },
  'forward-unproven': {
    reason: 'FORWARD_UNPROVEN',
    status: status.UNAUTHENTICATED,
    meaning:
      'The call says by `env-cli-forwarded-by` that a member passed it on, and does not prove it. Only members send that header; leave it out.',
    message: () =>
      'the header env-cli-forwarded-by says that a member passed this call on, and nothing proves it; only members send it: leave it out',
  },
  'leader-earlier': {
    reason: 'EARLIER_VERSION',
    status: status.UNIMPLEMENTED,
    meaning:
      'The cluster is being upgraded, and its leader is of an earlier version that does not know the call. Upgrade it, or let a member lead that is upgraded.',
    message: ({ leader }) =>
      `the leader at ${leader} is of an earlier version and does not know this call; upgrade it, or let an upgraded member lead ('env-cli cluster transfer-leader')`,
    facts: ({ leader }) => ({ leader }),
  },
  'leader-unreached': {
    reason: 'LEADER_UNREACHED',
    status: status.UNAVAILABLE,
    meaning: 'The call had to go to the leader, and the member did not reach it. Try again, or another member.',
    message: ({ leader }) => `the leader at ${leader} was not reached; try again, or ask another member`,
    facts: ({ leader }) => ({ leader }),
    retryAfterMs: 200,
  },
  'watch-id-taken': {
    reason: 'WATCH_ID_TAKEN',
    status: status.INVALID_ARGUMENT,
    meaning: 'A watch of that number runs on this stream already. Use a new number for each.',
    message: ({ watchId }) => `watch ${watchId} runs on this stream already; use a new number for each watch`,
    facts: ({ watchId }) => ({ watch_id: String(watchId) }),
  },
  'watch-id-unknown': {
    reason: 'WATCH_ID_UNKNOWN',
    status: status.INVALID_ARGUMENT,
    meaning: 'There is no watch of that number on this stream; it may have ended already.',
    message: ({ watchId }) => `there is no watch ${watchId} on this stream; it may have ended already`,
    facts: ({ watchId }) => ({ watch_id: String(watchId) }),
  },
  'too-many-watches': {
    reason: 'TOO_MANY_WATCHES',
    status: status.RESOURCE_EXHAUSTED,
    meaning: 'The stream carries as many watches as it may. Open another stream, or watch a prefix instead of single names.',
    message: ({ max }) => `the stream carries ${max} watches, which is all it may; open another stream, or watch a prefix`,
    facts: ({ max }) => ({ max }),
  },
  'call-id-taken': {
    reason: 'CALL_ID_TAKEN',
    status: status.INVALID_ARGUMENT,
    meaning: 'A call of that number is unanswered on this pipeline. The stream ends; use a new number for each call.',
    message: ({ callId }) => `call ${callId} is still unanswered on this pipeline; use a new number for each call`,
    facts: ({ callId }) => ({ call_id: String(callId) }),
  },
  'state-replaced': {
    reason: 'STATE_REPLACED',
    status: status.ABORTED,
    meaning: 'The member fell so far behind that its state was replaced as a whole. Begin the watch anew with its resume token.',
    message: ({ revision }) =>
      `the member’s state was replaced by that of revision ${revision}; begin the watch again with its resume token`,
    facts: ({ revision }) => ({ revision }),
  },
  'mirror-worker-away': {
    reason: 'MIRROR_WORKER_AWAY',
    status: status.UNAVAILABLE,
    meaning: 'Mirrors are looked after by the leader, and its worker is not at work yet. Try again.',
    message: ({ mirror }) => `nobody looks after mirror ${mirror} at this moment; try again`,
    facts: ({ mirror }) => ({ mirror }),
    retryAfterMs: 500,
  },
  'mirror-target-unreadable': {
    reason: 'MIRROR_TARGET_UNREADABLE',
    status: status.FAILED_PRECONDITION,
    meaning: 'The mirror’s target could not be read, so that nothing can be said of it. The message says why.',
    message: ({ mirror, problem }) => `the target of mirror ${mirror} cannot be read: ${problem}`,
    facts: ({ mirror }) => ({ mirror }),
  },
  'too-many-backups': {
    reason: 'TOO_MANY_BACKUPS',
    status: status.UNAVAILABLE,
    meaning:
      'The member sends as many backups as it may: each is a second copy of the state on its disk. Ask another member, or later.',
    message: ({ max }) => `this member sends ${max} backups already; ask another member, or try again later`,
    facts: ({ max }) => ({ max }),
    retryAfterMs: 1_000,
  },
  'backup-no-room': {
    reason: 'BACKUP_NO_ROOM',
    status: status.RESOURCE_EXHAUSTED,
    meaning:
      'A backup is copied on the member’s disk before it is sent, and the disk has too little room for that. Make room there, or ask another member.',
    message: ({ neededBytes, freeBytes }) =>
      `the member's disk has ${freeBytes} bytes free, and a copy of the state needs ${neededBytes}; make room there, or ask another member with --endpoint`,
    facts: ({ neededBytes, freeBytes }) => ({ needed_bytes: neededBytes, free_bytes: freeBytes }),
  },
  'backup-failed': {
    reason: 'BACKUP_FAILED',
    status: status.UNAVAILABLE,
    meaning: 'The member could not copy its state for the backup. The message says why; ask another member.',
    message: ({ problem }) => `the state could not be copied: ${problem.replace(/\.$/, '')}; ask another member`,
    retryAfterMs: 1_000,
  },
  'backup-stalled': {
    reason: 'BACKUP_STALLED',
    status: status.DEADLINE_EXCEEDED,
    meaning:
      'The client took nothing of the backup for too long, so that its copy was removed. Begin a new one, and read it faster.',
    message: ({ seconds }) => `nothing of the backup was taken for ${seconds} s, and its copy was removed; begin a new one`,
    facts: ({ seconds }) => ({ seconds }),
  },
  'replayed-refusal': {
    reason: 'REPLAYED_REFUSAL',
    status: status.FAILED_PRECONDITION,
    meaning:
      'An earlier attempt of this write in its session was refused; the fact `earlier` says why. Decide again, and send it as a new write.',
    message: ({ answer, sequence }) =>
      `write ${sequence} of the session was refused before (${reasonOf(answer)}); decide again, and send it as a new write`,
    facts: ({ answer, sequence }) => ({ earlier: reasonOf(answer), sequence }),
  },
  internal: {
    reason: 'INTERNAL',
    status: status.INTERNAL,
    meaning: 'A fault of the service. The member’s log has a line with the same time; please report it.',
    message: () => 'a fault of the service; the member’s log says more, please report it',
  },

  // The member's own words are whole sentences that say what, and what next.
  'no-leader': {
    reason: 'NO_LEADER',
    status: status.UNAVAILABLE,
    meaning: 'No member leads, or the leader is not reached. Nothing was proposed; try again.',
    message: inOwnWords,
    retryAfterMs: 200,
  },
  'too-busy': {
    reason: 'TOO_BUSY',
    status: status.UNAVAILABLE,
    meaning: 'As much waits as may. Nothing was proposed; try again, more slowly.',
    message: inOwnWords,
    retryAfterMs: 100,
  },
  'outcome-unknown': {
    reason: 'OUTCOME_UNKNOWN',
    status: status.UNKNOWN,
    meaning:
      'The write was proposed, and whether it happens is not known. Sent again in the same session with the same number, it happens once; without a session, read first.',
    message: inOwnWords,
  },
  'deadline-exceeded': {
    reason: 'DEADLINE_EXCEEDED',
    status: status.DEADLINE_EXCEEDED,
    meaning: 'The deadline passed. Nothing was proposed; allow more time.',
    message: (refusal) => `${inOwnWords(refusal)}; allow more time`,
  },
  'too-stale': {
    reason: 'TOO_STALE',
    status: status.UNAVAILABLE,
    meaning:
      'The member is further behind than the read allows, and knows of no leader to ask instead. Try again, another member, or allow more lag.',
    message: inOwnWords,
    retryAfterMs: 200,
  },
  stopping: {
    reason: 'STOPPING',
    status: status.UNAVAILABLE,
    meaning: 'The member is stopping. Nothing was proposed; ask another member.',
    message: inOwnWords,
    retryAfterMs: 10,
  },
};

/** The stable reason of a code. */
export function reasonOf(code: ApiRefusalCode): string {
  return refusalRows[code].reason;
}

function inOwnWords({ problem }: { readonly problem: string }): string {
  return problem.replace(/\.$/, '');
}

function since({ revision, changedBy }: CurrentEnvironment): string {
  return `last changed by ${changedBy} at revision ${revision}`;
}

function conditionText(environment: string, variable: string, current: CurrentEnvironment): string {
  if (!current.exists) {
    return current.revision === 0
      ? `${environment} does not exist`
      : `${environment} was deleted by ${current.changedBy} at revision ${current.revision}`;
  }
  if (variable === '') return `${environment} is at revision ${current.revision}, changed by ${current.changedBy}`;
  if (current.variable === null) return `${environment} has no variable ${variable} at revision ${current.revision}`;
  return `${environment} ${variable} was changed at revision ${current.variable.revision}, or has another value`;
}

function factsOf({
  revision,
  exists,
  changedBy,
  changedAtMs,
  variable,
}: CurrentEnvironment): Record<string, string | number | boolean> {
  return {
    current_revision: revision,
    current_exists: exists,
    ...(revision === 0 ? {} : { changed_by: changedBy, changed_at: new Date(changedAtMs).toISOString() }),
    ...(variable === null
      ? {}
      : {
          variable_revision: variable.revision,
          variable_secret: variable.secret,
          variable_bytes: variable.valueBytes,
          ...(variable.hash === null ? {} : { variable_hash: hexOf(variable.hash) }),
        }),
  };
}
