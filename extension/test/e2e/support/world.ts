// All that a journey needs: the service, the local Verified Access, browsers, Chromebooks.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { Browser, buildForTests, newIdentity } from "./browser.js";
import { Chromebook } from "./chromebook.js";
import { stopAll, until } from "./process.js";
import { Service, VerifiedAccess } from "./service.js";
import { Steps } from "./steps.js";

/** Pictures for people to look at; nothing compares them. */
const PICTURES = join(process.env["VACA_EXTENSION"] ?? ".", "..", "target", "extension", "screenshots");
const DESKTOP = { width: 900, height: 760 };
const POPUP = { width: 384, height: 600 };

/** What one card of the status page says. */
export interface Seen {
  tone: string;
  sentence: string;
  more: string;
  remedy: string;
  number: string;
  details: string;
  button: string;
  enabled: boolean;
}

/** Everything that is started once. */
export class World {
  readonly steps: Steps;
  readonly access: VerifiedAccess;
  readonly service: Service;
  readonly folder: string;
  readonly id: string;
  #counted = 0;

  private constructor(parts: Pick<World, "steps" | "access" | "service" | "folder" | "id">) {
    this.steps = parts.steps;
    this.access = parts.access;
    this.service = parts.service;
    this.folder = parts.folder;
    this.id = parts.id;
  }

  static async start(): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "vaca-extension-"));
    mkdirSync(PICTURES, { recursive: true });
    const { key, id } = newIdentity();
    const steps = await Steps.start();
    const access = await VerifiedAccess.start(join(folder, "access"));
    const service = await Service.start(join(folder, "service"), access, id);
    await buildForTests(join(folder, "extension"), key, steps.url);
    return new World({ steps, access, service, folder, id });
  }

  async stop(): Promise<void> {
    await stopAll();
    this.steps.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A number that no other caller gets. */
  count(): number {
    this.#counted += 1;
    return this.#counted;
  }

  /** Another service with a CA of its own. */
  async another(): Promise<Service> {
    return Service.start(join(this.folder, `service-${this.count()}`), this.access, this.id);
  }

  /** A browser whose extension is configured from its first moment. */
  async stage(
    configuration: Record<string, unknown>,
    more: { language?: string; tlsKeys?: string[] } = {},
  ): Promise<Stage> {
    const stage = new Stage(this);
    this.steps.judge = () => "hold";
    const { tlsKeys = [], ...rest } = more;
    const browser = await Browser.start({
      folder: join(this.folder, `browser-${this.count()}`),
      extension: join(this.folder, "extension"),
      id: this.id,
      tlsKeys: [this.service.tlsKey, ...tlsKeys],
      configuration,
      ...rest,
    });
    stage.browser = browser;
    stage.page = await browser.status(DESKTOP);
    return stage;
  }
}

/** One browser, and one Chromebook after the other. */
export class Stage {
  browser!: Browser;
  page!: Page;
  chromebook!: Chromebook;

  constructor(readonly world: World) {}

  /** A new Chromebook with an extension that remembers nothing; the worker stands still. */
  async scene(email = `person-${this.world.count()}@example.com`): Promise<void> {
    const { steps, access, id } = this.world;
    steps.judge = () => "hold";
    const chromebook = Chromebook.start(access, id, email);
    await this.browser.kill();
    await this.page.evaluate(() => chrome.storage.local.clear());
    await access.behave();
    await this.chromebook?.stop();
    this.chromebook = await chromebook;
    steps.chromebook = this.chromebook.url;
    // Whatever woke a worker meanwhile, it stands at its first step.
    await this.browser.kill();
    await this.page.evaluate(() => chrome.storage.local.clear());
    steps.clear();
  }

  /** The same Chromebook, with an extension that remembers nothing. */
  async forget(): Promise<void> {
    this.world.steps.judge = () => "hold";
    await this.browser.kill();
    await this.page.evaluate(() => chrome.storage.local.clear());
    await this.browser.kill();
    await this.page.evaluate(() => chrome.storage.local.clear());
    this.world.steps.clear();
  }

  /** Wakes the worker. */
  async look(): Promise<void> {
    await this.page.evaluate(() => void chrome.runtime.sendMessage({ kind: "look" }));
  }

  /** What a person does: presses the button of a card. */
  async press(profile: string): Promise<void> {
    await this.page.click(`[data-profile="${profile}"] button`);
  }

  /** What a card says now. */
  async card(profile: string): Promise<Seen | null> {
    return this.page.evaluate((name) => {
      const article = document.querySelector<HTMLElement>(`[data-profile="${name}"]`);
      if (!article) return null;
      const text = (selector: string) => article.querySelector<HTMLElement>(selector)?.innerText.trim() ?? "";
      const button = article.querySelector("button");
      return {
        tone: article.dataset["tone"] ?? "",
        sentence: text(".sentence"),
        more: text(".more"),
        remedy: text(".remedy p"),
        number: text(".number p"),
        details: text("dl"),
        button: button?.innerText ?? "",
        enabled: !button?.disabled,
      };
    }, profile);
  }

  /** Waits until a card says something. */
  async seen(profile: string, what: string, wanted: (card: Seen) => boolean): Promise<Seen> {
    let last: Seen | null = null;
    try {
      return await until(`${profile}: ${what}`, async () => {
        last = await this.card(profile);
        return last && wanted(last) ? last : null;
      });
    } catch (error) {
      throw new Error(`${String(error)}; the card says ${JSON.stringify(last)}`);
    }
  }

  async good(profile: string): Promise<Seen> {
    return this.seen(profile, "in order", (card) => card.tone === "good");
  }

  /** Waits for a failure by its code. */
  async trouble(profile: string, code: string): Promise<Seen> {
    return this.seen(profile, code, (card) => card.details.split("\n").includes(code));
  }

  /** Waits until a whole look has been taken at a service. */
  async worked(server: string): Promise<void> {
    await until(`a look at ${server}`, async () =>
      this.page.evaluate(async (url) => {
        const { seen } = await chrome.storage.local.get("seen");
        return typeof seen === "string" && seen.includes(url);
      }, server),
    );
    this.world.steps.taken = [];
    await this.look();
    await until("a look", async () =>
      this.world.steps.taken.some((step) => step.name === "write checked" && step.when === "after"),
    );
  }

  /** Waits until nothing is shown on the desktop any more. */
  async noNotifications(): Promise<void> {
    await until(
      "no notification",
      async () => Object.keys(await this.page.evaluate(() => chrome.notifications.getAll())).length === 0,
    );
  }

  /** Takes pictures: in a window and as a popup, light and dark. */
  async pictures(name: string): Promise<void> {
    for (const [size, viewport] of Object.entries({ window: DESKTOP, popup: POPUP })) {
      for (const colorScheme of ["light", "dark"] as const) {
        await this.page.setViewportSize(viewport);
        await this.page.emulateMedia({ colorScheme });
        const out = await this.page.evaluate(() =>
          Array.from(document.querySelectorAll("main *"))
            .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth)
            .map((element) => element.outerHTML.slice(0, 100)),
        );
        if (out.length > 0) throw new Error(`${name}, ${size}: sticks out: ${out.join("\n")}`);
        await this.page.screenshot({
          path: join(PICTURES, `${name}-${size}-${colorScheme}.png`),
          fullPage: true,
        });
      }
    }
    await this.page.setViewportSize(DESKTOP);
    await this.page.emulateMedia({ colorScheme: "light" });
  }

  /** What the extension remembers of a profile. */
  async memory(profile: string): Promise<any> {
    return this.page.evaluate(
      async (key) => (await chrome.storage.local.get(key))[key],
      `profile/${profile}`,
    );
  }

  async stop(): Promise<void> {
    await this.browser.stop();
    await this.chromebook?.stop();
    this.world.steps.clear();
  }
}
