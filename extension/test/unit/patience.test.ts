import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../src/failure.js";
import { pauseForRestart, pauseForSame, plan } from "../../src/patience.js";

const NOW = 1_000_000;
const before = (same: number, restarts: number) => ({ tries: { same, restarts }, trouble: null });
const wait = (planned: ReturnType<typeof plan>) => (planned.trouble.retryAt ?? Infinity) - NOW;

test("the same bytes go out after 1, 2, 4 seconds and so on, at most a minute for some minutes, then an hour", () => {
  assert.deepEqual([1, 2, 3, 6, 7, 12].map(pauseForSame), [1, 2, 4, 32, 60, 60]);
  assert.deepEqual([13, 14, 18, 100].map(pauseForSame), [120, 240, 3600, 3600]);
});

test("a restart is immediate the first time, and pauses a minute and more after the third", () => {
  assert.deepEqual([1, 2, 3].map(pauseForRestart), [0, 5, 10]);
  assert.deepEqual([4, 5, 9, 10, 50].map(pauseForRestart), [60, 120, 1920, 3600, 3600]);
});

test("never sooner than the service said, and spread by a quarter at most", () => {
  for (const action of ["retry_same", "restart", "ask_admin"] as const) {
    for (const random of [0, 0.5, 0.999]) {
      const planned = plan(failure("busy", action, { retryAfter: 100 }), before(0, 0), NOW, () => random);
      assert.ok(wait(planned) >= 100_000 && wait(planned) <= 125_000, `${action} ${wait(planned)}`);
      assert.equal(planned.trouble.fixed, true);
    }
  }
});

test("each action has its wait where nobody said how long", () => {
  const first = (action: Parameters<typeof failure>[1]) =>
    plan(failure("code", action), before(0, 0), NOW, () => 0);
  assert.equal(wait(first("retry_same")), 1000);
  assert.equal(wait(first("restart")), 0);
  assert.equal(wait(first("ask_admin")), 24 * 3600_000);
  assert.equal(first("stop").trouble.retryAt, null);
});

test("restarts in a row pause longer than the service asked for, not shorter", () => {
  const planned = plan(failure("code", "restart", { retryAfter: 60 }), before(0, 6), NOW, () => 0);
  assert.equal(wait(planned), pauseForRestart(7) * 1000);
});

test("a trouble remembers since when it is the same", () => {
  const first = plan(failure("offline", "retry_same"), before(0, 0), NOW, () => 0).trouble;
  const second = plan(
    failure("offline", "retry_same"),
    { tries: { same: 1, restarts: 0 }, trouble: first },
    NOW + 5,
    () => 0,
  );
  assert.equal(second.trouble.since, NOW);
  const other = plan(
    failure("busy", "retry_same"),
    { tries: { same: 2, restarts: 0 }, trouble: second.trouble },
    NOW + 9,
    () => 0,
  );
  assert.equal(other.trouble.since, NOW + 9);
});
