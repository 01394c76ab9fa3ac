import type { ClientSettings } from './clients.ts';
import type { MemberSettings } from './member.ts';
import { fairWeather, type Weather } from './network.ts';
import type { Random } from './random.ts';

/** Everything about a run that its seed decides before it begins. */
export interface RunSettings {
  readonly memberCount: number;
  readonly member: MemberSettings;
  readonly clients: ClientSettings;
  readonly weather: Weather;
  /** How long faults go on. */
  readonly faultsMs: number;
  /** The mean time between two faults. */
  readonly faultEveryMs: number;
  /** The chance to die at each boundary that is passed. */
  readonly crashProbability: number;
}

/** Draws a run: small limits, so that every limit is met, and anything from a fair to a dreadful network. */
export function drawSettings(random: Random): RunSettings {
  const tickMs = random.pick([10, 20, 50]);
  const electionTicks = 10;
  const electionMs = tickMs * electionTicks;
  const bad = random.chance(0.7);
  return {
    memberCount: random.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7]),
    member: {
      tickMs,
      electionTicks,
      raft: {
        heartbeatTicks: random.pick([1, 1, 1, 2]),
        inflightMessagesMax: random.pick([1, 2, 4, 256]),
        inflightBytesMax: random.pick([500, 4000, 8 * 1024 * 1024]),
        appendBytesMax: random.pick([200, 2000, 1024 * 1024]),
        uncommittedBytesMax: random.pick([1000, 10_000, 32 * 1024 * 1024]),
        applyingBytesMax: random.pick([500, 5000, 16 * 1024 * 1024]),
        cacheBytesMax: random.pick([1, 1000, 64 * 1024 * 1024]),
        promotionTicks: random.pick([1, 5, 30]),
        membersMax: 10,
        readsWaitingMax: random.pick([1, 4, 4096, 4096]),
      },
      replica: {
        entryCommandsMax: random.pick([1, 4, 256]),
        tailEntriesMax: random.pick([0, 5, 50, 100_000]),
        waitingCommandsMax: random.pick([4, 64, 16_384]),
      },
      checkpointMs: random.span(0.2, 10) * electionMs,
      syncMsMax: random.pick([0.5, 2, 10]),
      slowLeaderMs: random.pick([0.5, 2, 8]) * electionMs,
    },
    clients: {
      clients: random.between(2, 5),
      windowMax: random.pick([1, 3, 8]),
      environments: random.between(1, 4),
      patienceMs: random.span(1, 5) * electionMs,
      thinkMsMax: random.span(0.2, 1) * electionMs,
      readProbability: 0.7,
    },
    weather: bad
      ? {
          lossProbability: random.pick([0, 0.01, 0.1]),
          duplicateProbability: random.pick([0, 0.05]),
          delayMsMin: 0.2,
          delayMsMax: random.pick([1, tickMs, 3 * tickMs]),
          slowProbability: random.pick([0, 0.05]),
        }
      : fairWeather,
    faultsMs: random.between(40, 80) * electionMs,
    faultEveryMs: random.span(0.5, 4) * electionMs,
    crashProbability: random.pick([0, 0.0005, 0.003]),
  };
}
