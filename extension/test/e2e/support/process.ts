// Processes that a test starts, and that end with it, however it ends.

import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How long anything may take before a test gives up on it. Milliseconds. */
export const PATIENCE = 20_000;

/** A running program. */
export interface Running {
  child: ChildProcess;
  stop(): Promise<void>;
}

const running = new Set<Running>();

/** Ends what a test that failed left behind. */
export async function stopAll(): Promise<void> {
  await Promise.all(Array.from(running, (one) => one.stop()));
}

/** The environment without what the machine says about certificates and proxies. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(SSL_CERT_|CURL_CA_|NODE_EXTRA_CA_|REQUESTS_CA_|VACA_)|_proxy$/i.test(name),
  );
  return Object.fromEntries(inherited);
}

/** Starts a program that writes to a file; the kernel ends it with this process. */
export function start(program: string, args: string[], log: string, cwd: string): Running {
  const file = openSync(log, "a");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
    cwd,
    env: cleanEnvironment(),
    stdio: ["ignore", file, file],
  });
  closeSync(file);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const started: Running = {
    child,
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(late);
    },
  };
  running.add(started);
  void ended.then(() => running.delete(started));
  return started;
}

/** Asks again and again until there is an answer; whatever it throws last is the reason of the failure. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  patience = PATIENCE,
): Promise<T> {
  const deadline = Date.now() + patience;
  let last: unknown = null;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}${last ? ` (${String(last)})` : ""}`);
    await sleep(25);
  }
}
