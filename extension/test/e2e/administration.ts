// What an administrator decides, and what stands in the way of it.

import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ServerResponse } from "node:http";
import { until as eventually } from "./support/process.js";
import type { Stage, World } from "./support/world.js";

const USER = "wifi-user";
const PROFILES = [{ name: USER, scope: "user", label: "Wi-Fi" }];

/** Configurations, refusals by policy, strangers on the way. */
export function administration(world: () => World): void {
  describe("limits and rules, in German", () => {
    let stage: Stage;
    before(async () => {
      stage = await world().stage(
        {
          servers: [world().service.url],
          profiles: [
            { name: "staff", scope: "user", label: "Lehrerzimmer" },
            { name: "once-a-minute", scope: "user", label: "WLAN" },
            { name: "no-such-profile", scope: "user", label: "Vertippt" },
          ],
          contact: "Telefon 555 0100",
        },
        { language: "de" },
      );
    });
    after(() => stage.stop());

    test("a rule refuses: the number finds the rule", async () => {
      await stage.scene();
      await stage.look();
      const card = await stage.trouble("staff", "refused_by_rule");
      assert.match(card.more, /Eine Regel Ihrer Organisation/);
      assert.match(
        world().service.vaca("attempts", "explain", card.number),
        /Only staff get this certificate/,
      );
    });

    test("a profile that the service does not know", async () => {
      const card = await stage.trouble("no-such-profile", "unknown_profile");
      assert.equal(card.tone, "bad");
      await stage.pictures("german");
    });

    test("429: nobody is quicker than Retry-After, not even a person", async () => {
      // One attempt a minute, whatever the profile: the first profile had it.
      await stage.scene("staff-one@example.com");
      await stage.look();
      await stage.good("staff");
      const card = await stage.trouble("once-a-minute", "too_many_attempts");
      assert.equal(card.enabled, false);
      assert.match(card.button, /Wieder möglich um/);
      const { trouble } = await stage.memory("once-a-minute");
      assert.ok(trouble.retryAt - trouble.at >= 59_000, "about a minute");
      await stage.pictures("german-wait");
      world().steps.taken = [];
      await stage.page.evaluate(() => chrome.runtime.sendMessage({ kind: "try", profile: "once-a-minute" }));
      const asked = world().steps.taken.filter((step) => /^v1\/challenges|challengeKey/.test(step.name));
      // The typing error is asked for again: its refusal named no time.
      assert.ok(!asked.some((step) => step.name === "challengeKey"));
      assert.deepEqual((await stage.memory("once-a-minute")).trouble, trouble);
    });
  });

  describe("a person is asked", () => {
    let stage: Stage;
    before(async () => {
      stage = await world().stage({ servers: [world().service.url], profiles: PROFILES, interaction: "ask" });
    });
    after(() => stage.stop());

    test("nothing happens before somebody agrees, and then everything", async () => {
      await stage.scene();
      await stage.look();
      const card = await stage.seen(USER, "asking", (seen) => seen.tone === "asking");
      assert.equal(card.button, "Get the certificate");
      await stage.pictures("asking");
      const shown = await stage.page.evaluate(() => chrome.notifications.getAll());
      assert.deepEqual(Object.keys(shown), [`profile/${USER}`]);
      assert.equal(await stage.chromebook.keys("user"), 0);
      await stage.press(USER);
      await stage.good(USER);
      await stage.noNotifications();
    });
  });

  describe("a configuration that changes", () => {
    let stage: Stage;
    let wrong: string;
    before(async () => {
      stage = await world().stage({});
      wrong = createHash("sha256").update("another root").digest("hex");
    });
    after(() => stage.stop());

    const mistakes = () => stage.page.innerText("#configuration ul");
    const until = async (wanted: RegExp | null) => {
      await stage.page.waitForFunction(
        (pattern) => {
          const section = document.querySelector<HTMLElement>("#configuration");
          const shown = section && !section.hidden ? section.innerText : "";
          return pattern === null ? shown === "" : new RegExp(pattern).test(shown);
        },
        wanted?.source ?? null,
        { timeout: 15_000 },
      );
    };

    test("none at all is explained", async () => {
      await stage.scene();
      await stage.page.reload();
      await until(/no settings/);
      await stage.pictures("unconfigured");
    });

    test("a wrong one is explained, mistake by mistake", async () => {
      stage.browser.configure({
        servers: ["http://vaca.example.com"],
        profiles: [{ name: USER }],
        interaction: "loud",
      });
      await until(/https:\/\/vaca\.example\.com, without a path/);
      assert.match(await mistakes(), /wifi-user needs a scope, user or machine/);
      assert.match(await mistakes(), /interaction has to be one of: silent, notify, ask/);
      await stage.pictures("misconfigured");
    });

    test("a certificate from another issuer than expected is not installed", async () => {
      stage.browser.configure({ servers: [world().service.url], profiles: PROFILES, roots_sha256: [wrong] });
      await until(null);
      const card = await stage.trouble(USER, "wrong_issuer");
      assert.match(card.remedy, /roots_sha256/);
      assert.deepEqual(await stage.chromebook.certificates("user"), []);
      await stage.pictures("wrong-issuer");
    });

    test("set right, the same certificate is installed without anybody's help", async () => {
      stage.browser.configure({
        servers: [world().service.url],
        profiles: PROFILES,
        roots_sha256: [wrong, world().service.root],
      });
      await stage.good(USER);
      assert.equal(await stage.chromebook.keys("user"), 1);
    });

    test("another service takes over: its certificate comes, the old one goes", async () => {
      const other = await world().another();
      try {
        const [before] = await stage.chromebook.certificates("user");
        // The browser trusts the first service's TLS key alone, as a Chromebook without the new CA would.
        stage.browser.configure({ servers: [other.url], profiles: PROFILES });
        await until(null);
        await stage.worked(other.url);
        assert.equal(
          (await stage.chromebook.certificates("user")).length,
          1,
          "the old one stays until there is another",
        );
        other.useTls(world().service);
        await other.stop();
        await other.serve();
        await stage.press(USER);
        const [held] = await eventually("another certificate", async () => {
          const all = await stage.chromebook.certificates("user");
          return all.length === 1 && all[0]?.serialNumber !== before?.serialNumber && all;
        });
        await stage.good(USER);
        assert.equal(
          held?.verify(
            new X509Certificate(readFileSync(join(other.folder, "issuing/issuing.crt"))).publicKey,
          ),
          true,
        );
      } finally {
        await other.stop();
      }
    });
  });

  describe("a stranger in the place of the service", () => {
    let stage: Stage;
    let server: Server;
    let answer: (response: ServerResponse) => void;
    before(async () => {
      const { folder } = world().service;
      const tls = { key: readFileSync(join(folder, "tls.key")), cert: readFileSync(join(folder, "tls.crt")) };
      server = createServer(tls, (request, response) => {
        const origin = `chrome-extension://${world().id}`;
        response.setHeader("Access-Control-Allow-Origin", origin);
        response.setHeader("Access-Control-Allow-Headers", "content-type");
        if (request.method === "OPTIONS") return response.end();
        return answer(response);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      stage = await world().stage({ servers: [`https://127.0.0.1:${port}`], profiles: PROFILES });
    });
    after(async () => {
      await stage.stop();
      server.closeAllConnections?.();
      server.close();
    });

    const strangers: [string, (response: ServerResponse) => void, string][] = [
      [
        "a page to sign in",
        (response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Welcome</h1>"),
        "sign_in_page",
      ],
      [
        "a redirect",
        (response) => response.writeHead(302, { Location: "https://portal.example.com/" }).end(),
        "sign_in_page",
      ],
      [
        "a proxy's error",
        (response) => response.writeHead(502, { "Content-Type": "text/html" }).end("Bad gateway"),
        "strange_answer",
      ],
      [
        "another service",
        (response) => response.writeHead(200, { "Content-Type": "application/json" }).end("{}"),
        "strange_answer",
      ],
      [
        "a service that lists other extensions",
        (response) => {
          response.setHeader(
            "Access-Control-Allow-Origin",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
          );
          response.writeHead(200).end();
        },
        "not_admitted",
      ],
      ["a line that breaks", (response) => response.destroy(), "unreachable"],
    ];
    for (const [what, how, code] of strangers) {
      test(what, async () => {
        answer = how;
        await stage.scene();
        await stage.look();
        await stage.trouble(USER, code);
        if (code === "sign_in_page") await stage.pictures("sign-in-page");
        if (code === "not_admitted") await stage.pictures("not-admitted");
        assert.equal(await stage.chromebook.keys("user"), 0, "no key was spent");
      });
    }
  });
}
