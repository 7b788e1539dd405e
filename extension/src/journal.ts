// The last things that happened, for the diagnostic report. It holds no response, no certificate and
// no e-mail.

import type { LogLevel } from "./configuration.js";
import type { Store } from "./memory.js";

/** Lines that are kept. */
const LINES = 120;
const ORDER: readonly LogLevel[] = ["error", "info", "debug"];

/** Writes lines that the configured level lets through; they lie in the store after {@link flush}. */
export class Journal {
  #lines: string[] = [];
  level: LogLevel = "info";

  constructor(
    private readonly store: Store,
    private readonly now: () => number,
  ) {}

  /** Adds a line. */
  add(level: LogLevel, line: string): void {
    if (ORDER.indexOf(level) > ORDER.indexOf(this.level)) return;
    this.#lines.push(`${new Date(this.now()).toISOString()} ${level} ${line}`);
  }

  /** Puts what was added into the store. */
  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const lines = this.#lines.splice(0);
    const before = (await this.store.read("journal")) ?? [];
    await this.store.write("journal", [...before, ...lines].slice(-LINES));
  }
}
