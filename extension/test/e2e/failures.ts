// Every failure that can be provoked, and the words for it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CHROMEOS_ERRORS } from "../../src/chromeos.js";
import { explain } from "../../src/explanation.js";
import type { Seen, Stage, World } from "./support/world.js";

const USER = "wifi-user";
const DEVICE = "wifi-device";
const english = JSON.parse(
  readFileSync(join(process.env["VACA_EXTENSION"] ?? ".", "_locales", "en", "messages.json"), "utf8"),
) as Record<string, { message: string }>;

/** Faults of the local Verified Access, whose answers they concern, and the code that comes of them. */
const FAULTS: [call: "generate" | "verify", fault: unknown, profile: string, code: string][] = [
  ["generate", "down", USER, "verified_access_unavailable"],
  ["generate", "malformed", USER, "verified_access_unavailable"],
  ["generate", { status: { code: "UNAUTHENTICATED" } }, USER, "verified_access_misconfigured"],
  ["generate", "tampered", USER, "challenge_not_signed"],
  ["generate", "stale", USER, "challenge_response_refused"],
  ["verify", { spkac: "AQID" }, USER, "certificate_request_invalid"],
  ["verify", "malformed", USER, "verified_access_unavailable"],
  ["verify", "down", USER, "verified_access_unavailable"],
  ["verify", { status: { code: "RESOURCE_EXHAUSTED" } }, USER, "verified_access_unavailable"],
  ["verify", { status: { code: "INVALID_ARGUMENT" } }, USER, "challenge_response_refused"],
  ["verify", { status: { code: "PERMISSION_DENIED" } }, USER, "device_not_permitted"],
  ["verify", "stale", USER, "challenge_response_refused"],
  ["verify", "tampered", USER, "certificate_request_invalid"],
  ["verify", "developer_mode", USER, "developer_mode"],
  ["verify", { key_trust_level: "CHROME_OS_NO_KEY" }, USER, "key_trust_level_refused"],
  ["verify", { key_trust_level: "CHROME_BROWSER_HW_KEY" }, USER, "not_a_chromeos_device"],
  ["verify", "other_customer", USER, "wrong_customer"],
  ["verify", "user_with_device_id", USER, "wrong_key_scope"],
  ["verify", "user_with_enrollment_id", USER, "wrong_key_scope"],
  ["verify", "with_profile", USER, "not_a_chromeos_device"],
  ["verify", "profile_answer", USER, "not_a_chromeos_device"],
  ["verify", "limited_access", USER, "certificate_request_missing"],
  ["verify", "absent_device_id", DEVICE, "device_id_missing"],
  ["verify", "absent_customer", DEVICE, "wrong_customer"],
];

/** What ends a wait before its time, so that the next failure can be tried; the service's waits stay. */
async function explained(stage: Stage, profile: string, code: string): Promise<Seen> {
  const card = await stage.trouble(profile, code);
  const { text } = explain(code, profile === USER ? "user" : "machine");
  assert.ok(card.more.includes(english[`why_${text}`]?.message ?? "?"), `${code}: ${card.more}`);
  assert.equal(card.remedy, english[`remedy_${text}`]?.message, code);
  return card;
}

/** The journeys that do not end well, and what the page says. */
export function failures(world: () => World): void {
  describe("what goes wrong", () => {
    let stage: Stage;
    before(async () => {
      stage = await world().stage({
        servers: [world().service.url],
        profiles: [
          { name: USER, scope: "user", label: "Wi-Fi" },
          { name: DEVICE, scope: "machine", label: "Device" },
        ],
        contact: "Telephone 555 0100",
      });
    });
    after(() => stage.stop());

    test("at first all is well", async () => {
      // A service with which nobody ever succeeded thinks that it is set up wrongly.
      await stage.scene();
      await stage.look();
      await stage.good(USER);
      await stage.good(DEVICE);
    });

    for (const [call, fault, profile, code] of FAULTS) {
      test(`${call} with ${JSON.stringify(fault)} is ${code}`, async () => {
        await stage.scene();
        await world().access.fault(call, fault);
        await stage.look();
        const card = await explained(stage, profile, code);
        const token = profile === USER ? "user" : "system";
        assert.deepEqual(await stage.chromebook.certificates(token), []);
        if (call === "verify") assert.match(card.number, /^[0-9A-Z]{8}$/, "a number to dictate");
        if (code === "developer_mode") await stage.pictures("denied");
      });
    }

    test("a Verified Access that is repaired", async () => {
      await stage.scene();
      await world().access.fault("verify", "down");
      await stage.look();
      await stage.trouble(USER, "verified_access_unavailable");
      await stage.pictures("google-down");
      await world().access.behave();
      await stage.good(USER);
      assert.equal(await stage.chromebook.keys("user"), 1, "the same bytes");
    });

    test("an account that is not of the device's organisation", async () => {
      await stage.scene("guest@example.com");
      await world().access.change("DELETE", "/users/guest@example.com");
      await stage.look();
      await explained(stage, USER, "user_not_affiliated");
      await explained(stage, DEVICE, "user_not_affiliated");
    });

    test("a device that was deprovisioned", async () => {
      await stage.scene();
      await world().access.change("DELETE", `/devices/${stage.chromebook.device}`);
      await stage.look();
      await explained(stage, USER, "device_not_enrolled");
    });

    const imports = [
      "Key not found.",
      "Certificate is not a valid X.509 certificate.",
      "net::ERR_CERT_INVALID",
      "net::ERR_CERT_DATE_INVALID",
      "net::ERR_ADD_USER_CERT_FAILED",
      "The token is not valid.",
      "Something new.",
    ];
    const challenges = Object.keys(CHROMEOS_ERRORS).filter((text) => !imports.includes(text));

    test("challengeKey fails with each error that is known, and one that is not", async () => {
      for (const text of [...challenges, "Something new."]) {
        await stage.scene();
        world().steps.judge = (step) =>
          step.name === "challengeKey" && step.when === "before" ? { fail: text } : "go";
        await stage.look();
        const card = await explained(stage, USER, CHROMEOS_ERRORS[text]?.code ?? "chromeos_other");
        assert.ok(card.details.includes(text), text);
        assert.equal(card.enabled, true, "a person may try again");
      }
    });

    for (const text of imports) {
      test(`importCertificate fails with “${text}”`, async () => {
        await stage.scene();
        let failed = false;
        world().steps.judge = (step) => {
          if (step.name !== "importCertificate" || step.when !== "before" || failed) return "go";
          failed = true;
          return { fail: text };
        };
        await stage.look();
        const code = CHROMEOS_ERRORS[text]?.code ?? "chromeos_other";
        await explained(stage, USER, code);
        if (code === "clock_wrong") await stage.pictures("clock-wrong");
        const { pending } = await stage.memory(USER);
        await stage.press(USER);
        await stage.good(USER);
        // What can still be installed is not asked for again; what cannot costs a new key.
        assert.equal(await stage.chromebook.keys("user"), pending ? 1 : 2);
        assert.equal(pending !== null, !["key_not_found", "certificate_unreadable"].includes(code));
        assert.equal((await stage.chromebook.certificates("user")).length, 1);
      });
    }

    // The last one: a service that has doubted its clock waits for an operator.
    test("the service's clock differs from Google's", async () => {
      await stage.scene();
      await world().access.fault("generate", { clock_skew: { milliseconds: 600_000 } });
      await stage.look();
      const card = await explained(stage, USER, "clock_untrusted");
      assert.equal(card.enabled, false, "the service said when to come back");
    });
  });
}
