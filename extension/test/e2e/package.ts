// The package itself, as it is shipped, in Chromium.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Browser } from "./support/browser.js";
import { until } from "./support/process.js";
import type { World } from "./support/world.js";

/** That Chromium takes the package, and what it does where it is not on ChromeOS. */
export function shipped(world: () => World): void {
  test("the package loads without a complaint, and knows that this is no Chromebook", async () => {
    const root = process.env["VACA_EXTENSION"] ?? ".";
    execFileSync(process.execPath, ["scripts/package.mjs"], { cwd: root, stdio: "pipe" });
    const target = join(root, "..", "target", "extension");
    assert.ok(readdirSync(target).some((name) => /^vaca-extension-.*\.zip$/.test(name)));
    const browser = await Browser.start({
      folder: join(world().folder, "browser-package"),
      extension: join(target, "package"),
      id: null,
      tlsKeys: [],
      configuration: {},
    });
    try {
      const worker = await until("the worker", async () => browser.context.serviceWorkers()[0]);
      const id = new URL(worker.url()).host;
      browser.configureFor(id, {
        servers: ["https://127.0.0.1:9"],
        profiles: [{ name: "wifi-user", scope: "user" }],
      });
      const page = await browser.context.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      await page.goto(`chrome-extension://${id}/status/status.html`);
      await page.waitForSelector('[data-profile="wifi-user"][data-tone="bad"]');
      assert.match(await page.innerText("dl"), /not_chromeos/);
      assert.deepEqual(errors, []);
      // What Chromium itself says of the manifest.
      const extensions = await browser.context.newPage();
      await extensions.goto("chrome://extensions");
      const said = await extensions.evaluate(
        (which) =>
          new Promise<any>((resolve) => (chrome as any).developerPrivate.getExtensionInfo(which, resolve)),
        id,
      );
      assert.deepEqual([said.manifestErrors, said.runtimeErrors, said.runtimeWarnings ?? []], [[], [], []]);
    } finally {
      await browser.stop();
    }
  });
}
