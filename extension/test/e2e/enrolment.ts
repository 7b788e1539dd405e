// Certificates that arrive, and renew by themselves.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "./support/process.js";
import type { Stage, World } from "./support/world.js";

const USER = "wifi-user";
const DEVICE = "wifi-device";

/** The journeys of a user's and a device's certificate. */
export function enrolment(world: () => World): void {
  describe("a user and a device", () => {
    let stage: Stage;
    before(async () => {
      stage = await world().stage({
        servers: [world().service.url],
        profiles: [
          { name: USER, scope: "user", label: "Wi-Fi" },
          { name: DEVICE, scope: "machine", key: "RSA", label: "Wi-Fi, device" },
        ],
        roots_sha256: [world().service.root],
        help_text: "Room 12, on school days until three.",
        contact: "Telephone 555 0100",
        help_url: "https://help.example.com/wifi",
      });
    });
    after(() => stage.stop());

    test("both get their certificates, each in its token", async () => {
      await stage.scene("alice@example.com");
      await stage.look();
      const user = await stage.good(USER);
      await stage.good(DEVICE);
      await stage.pictures("in-order");
      const [mine] = await stage.chromebook.certificates("user");
      const [devices] = await stage.chromebook.certificates("system");
      assert.match(mine?.subject ?? "", /CN=alice@example\.com/);
      assert.match(devices?.subject ?? "", /OU=vaca device/);
      assert.equal(mine?.publicKey.asymmetricKeyType, "ec");
      assert.equal(devices?.publicKey.asymmetricKeyType, "rsa");
      // The number on the page is what the operator finds.
      assert.match(world().service.vaca("attempts", "show", user.number), /alice@example\.com/);
      const order = world()
        .steps.taken.filter((step) => step.when === "before")
        .map((step) => step.name);
      assert.equal(
        order.indexOf("challengeKey"),
        order.indexOf("v1/challenges") + 1,
        "nothing comes between",
      );
    });

    test("an alarm wakes the worker again within hours, should nothing else", async () => {
      const alarm = await until("the alarm", async () => {
        const set = await stage.page.evaluate(() => chrome.alarms.get("look"));
        return set && set.scheduledTime > Date.now() + 10 * 60_000 ? set : null;
      });
      assert.ok(alarm.scheduledTime < Date.now() + 6 * 3600_000);
    });

    test("another look changes nothing, and asks for nothing", async () => {
      world().steps.taken = [];
      await stage.press(USER);
      await until("a look", async () =>
        world().steps.taken.some((step) => step.name === "write checked" && step.when === "after"),
      );
      assert.ok(
        !world().steps.taken.some((step) => step.name.startsWith("v1/")),
        "no request but for renewal info",
      );
      assert.equal(await stage.chromebook.keys("user"), 1);
    });

    test("an answer that is lost is asked for again, with the same bytes", async () => {
      await stage.scene();
      let lost = 0;
      world().steps.judge = (step) => {
        if (step.name !== "v1/certificates" || step.when !== "after" || lost > 0) return "go";
        lost += 1;
        return { fail: "Failed to fetch" };
      };
      await stage.look();
      await stage.good(USER);
      assert.equal(lost, 1);
      assert.equal(await stage.chromebook.keys("user"), 1, "one key");
      assert.equal((await stage.chromebook.certificates("user")).length, 1);
    });

    test("the service goes down and comes back", async () => {
      await stage.scene();
      await world().service.stop();
      await stage.look();
      const down = await stage.trouble(USER, "unreachable");
      assert.match(down.more, /cannot be reached/);
      await stage.pictures("service-down");
      await world().service.serve();
      // Nobody presses anything.
      await stage.good(USER);
      await stage.good(DEVICE);
    });

    test("the service goes down between the challenge and the certificate", async () => {
      await stage.scene();
      world().steps.judge = (step) =>
        step.name === "v1/certificates" && step.when === "before" ? "hold" : "go";
      await stage.look();
      await until("the request", async () => world().steps.holds);
      await world().service.stop();
      world().steps.judge = () => "go";
      world().steps.release();
      await stage.trouble(USER, "unreachable");
      await world().service.serve();
      await stage.good(USER);
      assert.equal(await stage.chromebook.keys("user"), 1, "the same key, by the same bytes");
    });

    test("a certificate that is due is replaced, and goes", async () => {
      await stage.scene();
      await stage.look();
      await stage.good(USER);
      await stage.good(DEVICE);
      const [before] = await stage.chromebook.certificates("user");
      await stage.page.evaluate(async () => {
        const key = "profile/wifi-user" as const;
        const memory = (await chrome.storage.local.get(key))[key] as any;
        // The moment that was drawn in the service's window has come.
        memory.drawn.at = Date.now() - 5000;
        await chrome.storage.local.set({ [key]: memory });
      });
      await stage.look();
      await until("another certificate", async () => {
        const held = await stage.chromebook.certificates("user");
        return held.length === 1 && held[0]?.serialNumber !== before?.serialNumber;
      });
      await stage.good(USER);
      assert.equal(await stage.chromebook.keys("user"), 2, "with a key of its own");
      assert.equal((await stage.chromebook.certificates("system")).length, 1, "the device's stays");
    });

    test("an extension that remembers nothing recognises what it had", async () => {
      await stage.scene();
      await stage.look();
      await stage.good(USER);
      await stage.good(DEVICE);
      const [mine] = await stage.chromebook.certificates("user");
      await stage.forget();
      await stage.look();
      await stage.good(USER);
      await stage.good(DEVICE);
      const { current } = await stage.memory(USER);
      assert.equal(current.serial, mine?.serialNumber.toLowerCase());
      assert.equal(await stage.chromebook.keys("user"), 1, "nothing was asked for");
      assert.equal(await stage.chromebook.keys("system"), 1);
    });

    test("a revoked certificate is replaced, and goes", async () => {
      await stage.scene();
      await stage.look();
      await stage.good(USER);
      const [before] = await stage.chromebook.certificates("user");
      const serial = before?.serialNumber.toLowerCase() ?? "";
      world().service.vaca("revoke", "--serial", serial, "--reason", "superseded");
      // A look that was on its way had asked before the revocation, and would remember that it is good.
      await until("no certificate", async () => {
        await stage.page.evaluate(() => chrome.storage.local.set({ "infos/user": {} }));
        await stage.look();
        return (await stage.memory(USER)).current === null;
      });
      // The service spreads what it revokes over ten minutes; the test does not wait for its turn.
      await until("the moment", async () => (await stage.memory(USER)).drawn?.serial === serial);
      await until("another certificate", async () => {
        await stage.page.evaluate(async (revoked: string) => {
          const key = "profile/wifi-user" as const;
          const memory = (await chrome.storage.local.get(key))[key] as any;
          // Again, where a look that was on its way wrote what it had read before.
          if (memory.drawn?.serial !== revoked || memory.drawn.at < Date.now()) return;
          memory.drawn.at = Date.now() - 5000;
          await chrome.storage.local.set({ [key]: memory });
        }, serial);
        await stage.look();
        const held = await stage.chromebook.certificates("user");
        return held.length === 1 && held[0]?.serialNumber !== before?.serialNumber;
      });
      await stage.good(USER);
    });

    test("the page works with the keyboard alone, and says its language", async () => {
      await stage.page.bringToFront();
      await stage.page.focus("body");
      const reached: string[] = [];
      for (let presses = 0; presses < 12; presses += 1) {
        await stage.page.keyboard.press("Tab");
        reached.push(
          await stage.page.evaluate(() => document.activeElement?.textContent?.trim().slice(0, 30) ?? ""),
        );
      }
      for (const name of ["Look again", "Help page", "Report for the help desk"])
        assert.ok(reached.includes(name), `${name}: ${reached}`);
      await stage.page.focus("summary");
      await stage.page.keyboard.press("Enter");
      assert.ok(await stage.page.isVisible("#copy"));
      assert.match((await stage.page.textContent("#report")) ?? "", /vaca extension/);
      await stage.pictures("report");
      await stage.page.keyboard.press("Enter");
      assert.equal(await stage.page.getAttribute("html", "lang"), "en-GB");
    });
  });
}
