import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type Action, type Candidate, type View } from "../../src/decision.js";
import type { Trouble } from "../../src/memory.js";

const HOUR = 3600_000;
const NOW = Date.UTC(2026, 10, 26);

function certificate(serial: string, more: Partial<Candidate> = {}): Candidate {
  return {
    serial,
    notBefore: NOW - 10 * HOUR,
    notAfter: NOW + 20 * HOUR,
    trusted: true,
    status: "good",
    supersededBy: null,
    renewAt: NOW + 10 * HOUR,
    former: false,
    ...more,
  };
}

function trouble(retryAt: number | null): Trouble {
  return {
    code: "busy",
    detail: null,
    attempt: null,
    requestId: null,
    at: NOW - HOUR,
    since: NOW - HOUR,
    refusal: false,
    retryAt,
    fixed: false,
  };
}

const good = certificate("a");
const due = certificate("a", { renewAt: NOW });
const keep = (until: number): Action => ({ kind: "keep", until });
const enrol = (reason: "missing" | "expired" | "revoked" | "unknown_issuer" | "renewal"): Action => ({
  kind: "enrol",
  reason,
});

interface Row {
  what: string;
  view: Partial<View>;
  action: Action;
  current?: string;
  remove?: string[];
}

const TABLE: Row[] = [
  // The token alone.
  { what: "nothing is there", view: {}, action: enrol("missing") },
  { what: "a good one", view: { candidates: [good] }, action: keep(good.renewAt), current: "a" },
  {
    what: "a good one of which the service has said nothing",
    view: { candidates: [certificate("a", { status: null })] },
    action: keep(good.renewAt),
    current: "a",
  },
  {
    what: "one that has ended by its dates",
    view: { candidates: [certificate("a", { status: null, notAfter: NOW })] },
    action: enrol("expired"),
  },
  {
    what: "one that has ended by the service's word",
    view: { candidates: [certificate("a", { status: "expired" })] },
    action: enrol("expired"),
  },
  {
    what: "a revoked one, with many others: at the moment that was drawn",
    view: { candidates: [certificate("a", { status: "revoked", renewAt: NOW + HOUR })] },
    action: { kind: "wait", until: NOW + HOUR },
  },
  {
    what: "a revoked one",
    view: { candidates: [certificate("a", { status: "revoked", renewAt: NOW })] },
    action: enrol("revoked"),
  },
  {
    what: "one from an unknown issuer",
    view: { candidates: [certificate("a", { trusted: false })] },
    action: enrol("unknown_issuer"),
  },
  {
    what: "one whose time to be renewed has come",
    view: { candidates: [due] },
    action: enrol("renewal"),
    current: "a",
  },

  // More than one.
  {
    what: "two good ones: the newer serves, and nobody says that the older can go",
    view: { candidates: [good, certificate("b", { notBefore: NOW - HOUR })] },
    action: keep(good.renewAt),
    current: "b",
    remove: [],
  },
  {
    what: "the older is superseded",
    view: {
      candidates: [certificate("a", { supersededBy: "b" }), certificate("b", { notBefore: NOW - HOUR })],
    },
    action: keep(good.renewAt),
    current: "b",
    remove: ["a"],
  },
  {
    what: "the older was replaced by ourselves",
    view: {
      candidates: [
        certificate("a", { former: true, status: null }),
        certificate("b", { notBefore: NOW - HOUR }),
      ],
    },
    action: keep(good.renewAt),
    current: "b",
    remove: ["a"],
  },
  {
    what: "both began in one second: the successor serves",
    view: { candidates: [certificate("a", { supersededBy: "b" }), certificate("b")] },
    action: keep(good.renewAt),
    current: "b",
    remove: ["a"],
  },
  {
    what: "the newer is revoked",
    view: { candidates: [good, certificate("b", { notBefore: NOW - HOUR, status: "revoked" })] },
    action: keep(good.renewAt),
    current: "a",
    remove: ["b"],
  },
  {
    what: "the newer is from an unknown issuer",
    view: { candidates: [good, certificate("b", { notBefore: NOW - HOUR, trusted: false })] },
    action: keep(good.renewAt),
    current: "a",
    remove: ["b"],
  },
  {
    what: "the older has ended",
    view: {
      candidates: [certificate("a", { notAfter: NOW - 1 }), certificate("b", { notBefore: NOW - HOUR })],
    },
    action: keep(good.renewAt),
    current: "b",
    remove: ["a"],
  },
  {
    what: "none of two serves: neither goes before there is a third",
    view: {
      candidates: [
        certificate("a", { status: "revoked", renewAt: NOW }),
        certificate("b", { notAfter: NOW }),
      ],
    },
    action: enrol("revoked"),
    remove: [],
  },
  {
    what: "the one that serves is superseded by one that is not here: it serves until it is due",
    view: { candidates: [certificate("a", { supersededBy: "b" })] },
    action: keep(good.renewAt),
    current: "a",
  },

  // What is pending.
  { what: "pending, nothing there", view: { pending: true }, action: { kind: "resume" } },
  {
    what: "pending beside a good one: what was begun is finished",
    view: { pending: true, candidates: [good] },
    action: { kind: "resume" },
    current: "a",
  },
  {
    what: "pending, and too early to go on",
    view: { pending: true, trouble: trouble(NOW + HOUR) },
    action: { kind: "wait", until: NOW + HOUR },
  },

  // After a failure.
  {
    what: "missing, too early to try again",
    view: { trouble: trouble(NOW + 1) },
    action: { kind: "wait", until: NOW + 1 },
  },
  { what: "missing, the wait is over", view: { trouble: trouble(NOW) }, action: enrol("missing") },
  {
    what: "missing, nobody tries again",
    view: { trouble: trouble(null) },
    action: { kind: "wait", until: null },
  },
  {
    what: "due, too early to try again: the old one serves",
    view: { candidates: [due], trouble: trouble(NOW + HOUR) },
    action: { kind: "wait", until: NOW + HOUR },
    current: "a",
  },
  {
    what: "good: an old trouble does not matter",
    view: { candidates: [good], trouble: trouble(null) },
    action: keep(good.renewAt),
    current: "a",
  },

  // Where a person is asked.
  { what: "missing, and nobody agreed yet", view: { ask: true }, action: { kind: "ask", reason: "missing" } },
  { what: "missing, and a person agreed", view: { ask: true, consent: true }, action: enrol("missing") },
  {
    what: "due, and nobody agreed yet",
    view: { ask: true, candidates: [due] },
    action: { kind: "ask", reason: "renewal" },
    current: "a",
  },
  {
    what: "good: nobody is asked",
    view: { ask: true, candidates: [good] },
    action: keep(good.renewAt),
    current: "a",
  },
  {
    what: "pending: a person agreed when it began",
    view: { ask: true, pending: true },
    action: { kind: "resume" },
  },
  {
    what: "too early to try again: nobody is asked yet",
    view: { ask: true, trouble: trouble(NOW + HOUR) },
    action: { kind: "wait", until: NOW + HOUR },
  },
];

for (const row of TABLE) {
  test(`decision: ${row.what}`, () => {
    const view: View = {
      now: NOW,
      candidates: [],
      pending: false,
      trouble: null,
      ask: false,
      consent: false,
      ...row.view,
    };
    const { counts: _, ...decision } = decide(view);
    assert.deepEqual(decision, {
      action: row.action,
      current: row.current ?? null,
      remove: row.remove ?? [],
    });
  });
}

test("decision: the order of the token does not matter", () => {
  const candidates = [
    good,
    certificate("b", { notBefore: NOW - HOUR }),
    certificate("c", { status: "revoked" }),
  ];
  const view: View = { now: NOW, candidates, pending: false, trouble: null, ask: false, consent: false };
  const expected = decide(view);
  for (const order of [
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
  ]) {
    assert.deepEqual(
      decide({ ...view, candidates: order.map((index) => candidates[index] as Candidate) }),
      expected,
    );
  }
});
