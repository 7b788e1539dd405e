// What to do for one profile, given what the token holds, what the service says and what is
// remembered. Pure: the table in test/unit/decision.test.ts is its specification.

import type { Trouble } from "./memory.js";

/** A certificate in the token that is, or was, this profile's. */
export interface Candidate {
  serial: string;
  notBefore: number;
  notAfter: number;
  /** Whether it leads to a root that is accepted. */
  trusted: boolean;
  /** The service's word; `null` where it has not been heard. */
  status: "good" | "expired" | "revoked" | null;
  /** The serial number of its successor, by the service's word. */
  supersededBy: string | null;
  /** When to renew it. */
  renewAt: number;
  /** Whether we remember that another one took its place. */
  former: boolean;
}

/** Everything that the decision rests on. */
export interface View {
  /** By the service's clock. */
  now: number;
  candidates: Candidate[];
  /** Whether an enrolment is between two steps. */
  pending: boolean;
  trouble: Trouble | null;
  /** Whether each enrolment needs a person's consent, and whether it is there. */
  ask: boolean;
  consent: boolean;
}

/** Why a new certificate is needed. */
export type Reason = "missing" | "expired" | "revoked" | "unknown_issuer" | "renewal";

/** What to do now. */
export type Action =
  | { kind: "keep"; until: number }
  | { kind: "enrol"; reason: Reason }
  | { kind: "resume" }
  | { kind: "wait"; until: number | null }
  | { kind: "ask"; reason: Reason };

/** What to do, with which certificate until then, and which ones can go. */
export interface Decision {
  action: Action;
  /** The serial number of the certificate that serves. */
  current: string | null;
  /** The one whose time to be renewed counts: that one, or else the last that served. */
  counts: string | null;
  /** Serial numbers of those that it replaces. */
  remove: string[];
}

/** The decision. */
export function decide(view: View): Decision {
  const current = newest(view.candidates.filter((candidate) => usable(candidate, view.now)));
  const others = view.candidates.filter((candidate) => candidate !== current);
  return {
    action: action(view, current),
    current: current?.serial ?? null,
    counts: (current ?? newest(view.candidates))?.serial ?? null,
    // Nothing goes before something better is there: even a doubtful certificate may still open a door.
    remove: current ? others.filter((other) => replaced(other, view)).map(({ serial }) => serial) : [],
  };
}

function action(view: View, current: Candidate | null): Action {
  const wanted = reason(view, current);
  if (!view.pending && wanted === null) return { kind: "keep", until: current?.renewAt ?? view.now };
  const until = view.trouble ? view.trouble.retryAt : spread(view, wanted);
  if (until === null || until > view.now) return { kind: "wait", until };
  if (view.pending) return { kind: "resume" };
  const because = wanted ?? "missing";
  return view.ask && !view.consent ? { kind: "ask", reason: because } : { kind: "enrol", reason: because };
}

/** What is revoked is revoked for many at once: the service spreads them, in some minutes. */
function spread(view: View, wanted: Reason | null): number {
  return wanted === "revoked" && !view.pending ? (newest(view.candidates)?.renewAt ?? view.now) : view.now;
}

function reason(view: View, current: Candidate | null): Reason | null {
  if (current) return current.renewAt <= view.now ? "renewal" : null;
  const last = newest(view.candidates);
  if (!last) return "missing";
  if (!last.trusted) return "unknown_issuer";
  return last.status === "revoked" ? "revoked" : "expired";
}

function usable(candidate: Candidate, now: number): boolean {
  return (
    candidate.trusted &&
    candidate.notAfter > now &&
    candidate.status !== "revoked" &&
    candidate.status !== "expired"
  );
}

/** By the service's word, by its dates, or because we put another one in its place ourselves. */
function replaced(candidate: Candidate, view: View): boolean {
  return !usable(candidate, view.now) || candidate.supersededBy !== null || candidate.former;
}

/** The best of them: not one whose successor is among them, then the one that began last. */
function newest(candidates: Candidate[]): Candidate | null {
  const serials = candidates.map((candidate) => candidate.serial);
  const outdated = ({ former, supersededBy }: Candidate) =>
    Number(former || (supersededBy !== null && serials.includes(supersededBy)));
  const sorted = [...candidates].sort(
    (left, right) =>
      outdated(left) - outdated(right) ||
      right.notBefore - left.notBefore ||
      right.notAfter - left.notAfter ||
      left.serial.localeCompare(right.serial),
  );
  return sorted[0] ?? null;
}
