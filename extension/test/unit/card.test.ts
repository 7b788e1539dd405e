import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { blank, type Memory, type Trouble } from "../../src/memory.js";
import { isNews, notice } from "../../src/notice.js";
import { readConfiguration } from "../../src/configuration.js";
import { card, clockSentence, type Dates, type Translate } from "../../src/status/card.js";
import { report } from "../../src/status/report.js";
import { root } from "./support/folder.js";

const NOW = Date.UTC(2026, 10, 26, 10);
const HOUR = 3600_000;
const DAY = 24 * HOUR;
const messages = JSON.parse(readFileSync(join(root, "_locales", "en", "messages.json"), "utf8"));
const t: Translate = (key, substitutions = []) => {
  assert.ok(messages[key], key);
  return messages[key].message.replace(
    /\$(\d)/g,
    (_: string, digit: string) => substitutions[Number(digit) - 1] ?? "",
  );
};
const dates: Dates = {
  moment: (at) => new Date(at).toISOString().slice(0, 16),
  time: (at) => new Date(at).toISOString().slice(11, 16),
  length: (milliseconds) => `${Math.round(milliseconds / 60_000)} minutes`,
};
const { configuration } = readConfiguration({
  servers: ["https://vaca.example.com"],
  profiles: [{ name: "wifi-user", scope: "user", label: "Wi-Fi" }],
});
const profile = configuration!.profiles[0]!;

function memory(more: Partial<Memory> = {}): Memory {
  return { ...blank("user"), ...more };
}
const current = {
  issuer: "0123456789abcdef",
  serial: "01ab",
  notBefore: NOW - DAY,
  notAfter: NOW + 20 * DAY,
  renewAt: NOW + 10 * DAY,
  attempt: "7K3M9QXA",
};
function trouble(code: string, more: Partial<Trouble> = {}): Trouble {
  return {
    code,
    detail: "Words.",
    attempt: null,
    requestId: "r1",
    at: NOW,
    since: NOW,
    refusal: false,
    retryAt: NOW + HOUR,
    fixed: false,
    ...more,
  };
}
const of = (remembered: Memory | null, now = NOW) =>
  card({ profile, memory: remembered, now, extension: "abcdefghijklmnopabcdefghijklmnop" }, t, dates);

test("before the first look", () => {
  const shown = of(null);
  assert.deepEqual(
    [shown.tone, shown.sentence, shown.remedy],
    ["working", "The certificate is being fetched.", null],
  );
});

test("a good certificate: until when, from when it is renewed, and its number", () => {
  const shown = of(memory({ current }));
  assert.equal(shown.tone, "good");
  assert.equal(shown.sentence, "There is a certificate, valid until 2026-12-16T10:00.");
  assert.deepEqual(shown.more, ["It renews itself on 2026-12-06T10:00."]);
  assert.equal(shown.number, "7K3M9QXA");
});

test("a certificate that ended while nobody looked is not called good", () => {
  const shown = of(memory({ current }), NOW + 21 * DAY);
  assert.notEqual(shown.tone, "good");
});

test("a denial: what, what helps, the number, and that a person may try", () => {
  const shown = of(
    memory({ trouble: trouble("blocked", { refusal: true, attempt: "7K3M9QXA", retryAt: NOW + DAY }) }),
  );
  assert.equal(shown.tone, "bad");
  assert.equal(shown.sentence, "There is no certificate yet.");
  assert.deepEqual(shown.more, [
    "Your administrator has blocked this device or account.",
    "The extension tries again on 2026-11-27T10:00.",
  ]);
  assert.match(shown.remedy ?? "", /administrator/);
  assert.equal(shown.number, "7K3M9QXA");
  assert.deepEqual(shown.details, [
    ["Code", "blocked"],
    ["Exact words", "Words."],
  ]);
  assert.deepEqual(shown.button, { text: "Try now", enabled: true });
});

test("a renewal that fails does not worry whoever has a certificate", () => {
  const shown = of(memory({ current, trouble: trouble("blocked", { refusal: true }) }));
  assert.equal(shown.tone, "waiting");
  assert.equal(shown.more[0], "It could not be renewed yet.");
});

test("nobody is quicker than the service allows", () => {
  const shown = of(memory({ trouble: trouble("paused", { fixed: true }) }));
  assert.deepEqual(shown.button, { text: "Can be tried again at 11:00", enabled: false });
  const over = of(memory({ trouble: trouble("paused", { fixed: true, retryAt: NOW }) }));
  assert.equal(over.button.enabled, true);
});

test("what the administrator needs to put it right is shown", () => {
  for (const code of ["not_admitted", "extension_not_allowed"]) {
    const shown = of(memory({ trouble: trouble(code) }));
    assert.ok(
      shown.details.some(([, text]) => text === "abcdefghijklmnopabcdefghijklmnop"),
      code,
    );
  }
});

test("a code of tomorrow has the service's words", () => {
  const shown = of(memory({ trouble: trouble("made_tomorrow") }));
  assert.match(shown.more[0] ?? "", /does not know/);
  assert.ok(shown.details.some(([, text]) => text === "Words."));
});

test("a person is asked, where that is configured", () => {
  const shown = of(memory({ asking: true }));
  assert.deepEqual([shown.tone, shown.button.text], ["asking", "Get the certificate"]);
});

test("a clock that is wrong is told, in which direction", () => {
  assert.equal(clockSentence(4 * 60_000, t, dates), null);
  assert.match(clockSentence(DAY, t, dates) ?? "", /slow/);
  assert.match(clockSentence(-DAY, t, dates) ?? "", /fast/);
});

test("people are spoken to only where they can do something", () => {
  const told = (
    remembered: Partial<Memory>,
    interaction: "silent" | "notify" | "ask" = "notify",
    now = NOW,
  ) => notice({ ...configuration!, interaction }, profile, memory(remembered), now);
  const refusal = trouble("blocked", { refusal: true });
  assert.equal(told({}), null);
  assert.equal(told({ trouble: refusal }), "trouble");
  assert.equal(told({ trouble: refusal }, "silent"), null);
  assert.equal(told({ trouble: trouble("busy") }, "notify", NOW + DAY), null);
  assert.equal(told({ trouble: trouble("verified_access_misconfigured", { refusal: true }) }), null);
  // What may pass by itself is not spoken of at once.
  assert.equal(told({ trouble: trouble("sign_in_page") }), null);
  assert.equal(told({ trouble: trouble("sign_in_page") }, "notify", NOW + HOUR), "trouble");
  // While a certificate is good for days, its renewal is nobody's worry.
  assert.equal(told({ current, trouble: refusal }), null);
  assert.equal(told({ current, trouble: refusal }, "notify", current.notAfter - 2 * DAY), "trouble");
  assert.equal(told({ asking: true }, "ask"), "asking");
});

test("the same is not said twice in a week", () => {
  const remembered = memory({ told: { what: "blocked", at: NOW } });
  assert.equal(isNews(remembered, "blocked", NOW + DAY), false);
  assert.equal(isNews(remembered, "blocked", NOW + 8 * DAY), true);
  assert.equal(isNews(remembered, "paused", NOW), true);
  assert.equal(isNews(memory(), "blocked", NOW), true);
});

test("the report tells everything but secrets and the e-mail", () => {
  const pending = {
    step: "answered",
    response: "c2VjcmV0IGJ5dGVz",
    email: "alice@example.com",
    at: NOW,
  } as const;
  const text = report({
    version: "0.1.0",
    extension: "abc",
    browser: "Chrome",
    now: NOW,
    clock: { ahead: 1500, at: NOW },
    checked: NOW,
    configuration,
    mistakes: [],
    journal: ["a line"],
    memories: {
      "wifi-user": memory({ current, pending, trouble: trouble("blocked", { attempt: "7K3M9QXA" }) }),
    },
  });
  for (const part of [
    "01ab",
    "0123456789abcdef",
    "7K3M9QXA",
    "blocked",
    "answered",
    "https://vaca.example.com",
    "a line",
    "ahead by 2 s",
  ]) {
    assert.ok(text.includes(part), part);
  }
  for (const secret of [pending.response, pending.email]) assert.ok(!text.includes(secret), secret);
});
