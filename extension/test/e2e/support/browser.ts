// Chromium with the test build of the extension, its policy, and the status page.

import { createHash, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync, chmodSync, renameSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type BrowserContext, type CDPSession, type Page } from "playwright-core";
import { cleanEnvironment, until } from "./process.js";

const root = process.env["VACA_EXTENSION"] ?? ".";

/** A key for the test build, so that its id is known before it runs; the package has none. */
export function newIdentity(): { key: string; id: string } {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const der = publicKey.export({ type: "spki", format: "der" });
  const digest = createHash("sha256").update(der).digest("hex").slice(0, 32);
  const id = Array.from(digest, (digit) => String.fromCharCode(97 + parseInt(digit, 16))).join("");
  return { key: der.toString("base64"), id };
}

/** Builds the extension with a virtual Chromebook inside. */
export async function buildForTests(folder: string, key: string, steps: string): Promise<void> {
  const { build } = await import(pathToFileURL(join(root, "scripts", "build.mjs")).href);
  await build(folder, {
    worker: "test/e2e/browser/worker.ts",
    alter: (manifest: Record<string, any>) => {
      const pages = manifest["content_security_policy"].extension_pages as string;
      return {
        ...manifest,
        key,
        // The virtual Chromebook and the test itself; the service stays a stranger that CORS has to admit.
        host_permissions: ["http://127.0.0.1/*"],
        content_security_policy: {
          extension_pages: pages.replace("connect-src", "connect-src 'self' http://127.0.0.1:*"),
        },
      };
    },
  });
  writeFileSync(join(folder, "test.json"), JSON.stringify({ steps }));
}

/** How to start a browser. */
export interface BrowserOptions {
  folder: string;
  extension: string;
  /** Its id, where that is known before it runs. */
  id: string | null;
  /** Keys of TLS servers to trust. */
  tlsKeys: string[];
  /** What policy says before the browser starts. */
  configuration: Record<string, unknown>;
  language?: string;
}

/** A browser with the extension and a policy folder of its own. */
export class Browser {
  #session: CDPSession | null = null;

  private constructor(
    readonly context: BrowserContext,
    private readonly options: BrowserOptions,
    private readonly policies: string,
  ) {}

  static async start(options: BrowserOptions): Promise<Browser> {
    const { folder } = options;
    const policies = join(folder, "policies");
    for (const each of [policies, join(folder, "home")]) mkdirSync(each, { recursive: true });
    if (options.id !== null) writePolicy(policies, options.id, options.configuration);
    const context = await chromium.launchPersistentContext(join(folder, "profile"), {
      executablePath: wrapper(folder, policies),
      headless: false,
      ignoreDefaultArgs: ["--disable-extensions", "--disable-component-extensions-with-background-pages"],
      locale: options.language ?? "en-GB",
      timezoneId: "UTC",
      args: [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-proxy-server",
        "--hide-scrollbars",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        `--lang=${options.language ?? "en-GB"}`,
        `--disable-extensions-except=${options.extension}`,
        `--load-extension=${options.extension}`,
        `--ignore-certificate-errors-spki-list=${options.tlsKeys.join(",")}`,
      ],
      env: {
        ...cleanEnvironment(),
        HOME: join(folder, "home"),
        LANGUAGE: options.language ?? "en-GB",
      } as Record<string, string>,
      timeout: 30_000,
    });
    context.setDefaultTimeout(15_000);
    return new Browser(context, options, policies);
  }

  /** Changes the extension's managed configuration. Chromium lets files settle for some seconds first. */
  configure(configuration: Record<string, unknown>): void {
    this.configureFor(this.options.id ?? "", configuration);
  }

  /** The same for an extension whose id has turned out. */
  configureFor(id: string, configuration: Record<string, unknown>): void {
    writePolicy(this.policies, id, configuration);
  }

  /** The status page in a window of this size. */
  async status(size = { width: 900, height: 800 }): Promise<Page> {
    const page = await this.context.newPage();
    await page.setViewportSize(size);
    await page.goto(`chrome-extension://${this.options.id}/status/status.html`);
    return page;
  }

  /** Ends the service worker where it stands, as ChromeOS does when it wants its memory. */
  async kill(): Promise<void> {
    const session = await this.#cdp();
    const workers = async () =>
      (await session.send("Target.getTargets")).targetInfos
        .filter((target) => target.type === "service_worker")
        .map((target) => target.targetId);
    const doomed = await workers();
    await until("the end of the worker", async () => {
      // One that is just being started does not listen yet: it is told again.
      const left = (await workers()).filter((target) => doomed.includes(target));
      for (const targetId of left) await session.send("Target.closeTarget", { targetId }).catch(() => null);
      return left.length === 0;
    });
  }

  async stop(): Promise<void> {
    await this.context.close();
  }

  async #cdp(): Promise<CDPSession> {
    const page = this.context.pages()[0] ?? (await this.context.newPage());
    this.#session ??= await this.context.newCDPSession(page);
    return this.#session;
  }
}

function writePolicy(policies: string, id: string, configuration: Record<string, unknown>): void {
  const policy = { "3rdparty": { extensions: { [id]: configuration } } };
  const file = join(policies, "managed", "extension.json");
  mkdirSync(join(policies, "managed"), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(policy));
  renameSync(`${file}.new`, file);
}

/** Starts Chromium in a mount namespace where the policy folder of the machine is the test's own. */
function wrapper(folder: string, policies: string): string {
  const file = join(folder, "chromium");
  const user = process.getuid?.() === 0 ? "" : "--map-root-user --user ";
  const target = "/etc/chromium/policies";
  if (!existsSync("/etc/chromium")) throw new Error("Chromium is not installed: apt-get install chromium");
  mkdirSync(join(policies, "managed"), { recursive: true });
  writeFileSync(
    file,
    `#!/bin/sh
exec unshare ${user}--mount --propagation private -- sh -c '
  mount -t tmpfs none /etc/chromium && mkdir -p ${target} && mount --bind "${policies}" ${target} && exec chromium "$@"
' chromium "$@"
`,
  );
  chmodSync(file, 0o755);
  rmSync(join(folder, "profile"), { recursive: true, force: true });
  return file;
}
