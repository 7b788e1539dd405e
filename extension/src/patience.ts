// When to try again. Waits are spread, so that devices which failed together do not return together,
// and never shorter than what the service said.

import type { Failure } from "./failure.js";
import type { Memory, Trouble } from "./memory.js";

const SECOND = 1000;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Tries with the same bytes before the pauses grow beyond a minute. */
const PATIENT = 12;

/** Pause before the same bytes go out again, in seconds (docs/api.md, "When something fails"). */
export function pauseForSame(failures: number): number {
  const seconds = Math.min(2 ** Math.max(failures - 1, 0), MINUTE);
  return failures <= PATIENT ? seconds : Math.min(MINUTE * 2 ** (failures - PATIENT), HOUR);
}

/** Pause before a new challenge, in seconds: none the first time, a minute and more after the third. */
export function pauseForRestart(restarts: number): number {
  if (restarts <= 1) return 0;
  if (restarts <= 3) return 5 * 2 ** (restarts - 2);
  return Math.min(MINUTE * 2 ** (restarts - 4), HOUR);
}

/** What becomes of a failure: the trouble to remember, and how often in a row it happened. */
export function plan(
  failure: Failure,
  before: Pick<Memory, "tries" | "trouble">,
  now: number,
  random: () => number,
): { trouble: Trouble; tries: Memory["tries"] } {
  const { tries, trouble } = before;
  const next = {
    same: failure.keep ? tries.same + 1 : 0,
    restarts: failure.action === "restart" ? tries.restarts + 1 : tries.restarts,
  };
  const seconds = wait(failure, next);
  const spread = 1 + random() / 4;
  return {
    tries: next,
    trouble: {
      code: failure.code,
      detail: failure.detail,
      attempt: failure.attempt,
      requestId: failure.requestId,
      at: now,
      since: trouble?.code === failure.code ? trouble.since : now,
      refusal: failure.action === "ask_admin" || failure.action === "stop",
      retryAt: seconds === null ? null : now + Math.ceil(seconds * spread * SECOND),
      fixed: failure.retryAfter !== null,
    },
  };
}

/** Seconds; `null` where only a person or a new configuration helps. */
function wait(failure: Failure, tries: Memory["tries"]): number | null {
  if (failure.action === "stop") return null;
  const told = failure.retryAfter;
  if (failure.action === "restart") {
    return Math.max(told ?? failure.pause ?? 0, pauseForRestart(tries.restarts));
  }
  if (told !== null) return told;
  if (failure.pause !== null) return failure.pause;
  return failure.action === "retry_same" ? pauseForSame(tries.same) : DAY;
}
