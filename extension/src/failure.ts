// What went wrong in one step, before it is decided when to try again.

/** What a program may do next (docs/problems.md, "Actions"). */
export type Action = "retry_same" | "restart" | "ask_admin" | "stop";

/** A step that failed. */
export interface Failure {
  code: string;
  action: Action;
  /** Seconds that the service told us to wait. */
  retryAfter: number | null;
  /** Seconds to wait where nobody told us, and the action's own rule does not fit. */
  pause: number | null;
  /** Whether what is pending is worth keeping. */
  keep: boolean;
  detail: string | null;
  attempt: string | null;
  requestId: string | null;
}

/** A failure of which nothing but this is known. */
export function failure(code: string, action: Action, more: Partial<Failure> = {}): Failure {
  return {
    code,
    action,
    retryAfter: null,
    pause: null,
    keep: action === "retry_same",
    detail: null,
    attempt: null,
    requestId: null,
    ...more,
  };
}

/** Carries a {@link Failure} out of a step. */
export class StepFailed extends Error {
  constructor(readonly failure: Failure) {
    super(failure.code);
  }
}
