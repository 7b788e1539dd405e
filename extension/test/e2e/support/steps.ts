// The other end of test/e2e/browser/steps.ts: is asked before and after every step of the worker.

import { createServer, type Server, type ServerResponse } from "node:http";

/** A step that the worker is about to take, or has taken. */
export interface Step {
  name: string;
  when: "before" | "after";
}

/** What happens to a step. */
export type Verdict = "go" | "hold" | { fail: string };

/** Answers the worker's questions. */
export class Steps {
  /** Every step since {@link clear}. */
  taken: Step[] = [];
  /** Decides over a step; everything goes at first. */
  judge: (step: Step) => Verdict = () => "go";
  /** Where the Chromebook listens. */
  chromebook = "";
  #held: ServerResponse[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Steps> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const steps = new Steps(server, `http://127.0.0.1:${port}/`);
    server.on("request", (request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += String(part);
      });
      request.on("end", () => steps.#answer(JSON.parse(body) as Step, response));
    });
    return steps;
  }

  /** Whether the worker stands at a step that is held. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** Forgets the steps, and what was to happen to them. */
  clear(): void {
    this.taken = [];
    this.judge = () => "go";
    this.drop();
  }

  /** Cuts held questions off: who asked is dead. */
  drop(): void {
    for (const response of this.#held) response.destroy();
    this.#held = [];
  }

  /** Lets held steps go. */
  release(): void {
    for (const response of this.#held.splice(0)) this.#send(response, "go");
  }

  stop(): void {
    this.drop();
    this.server.closeAllConnections?.();
    this.server.close();
  }

  #answer(step: Step, response: ServerResponse): void {
    this.taken.push(step);
    const verdict = this.judge(step);
    if (verdict === "hold") {
      this.#held.push(response);
      return;
    }
    this.#send(response, verdict);
  }

  #send(response: ServerResponse, verdict: "go" | { fail: string }): void {
    response.setHeader("Content-Type", "application/json");
    response.setHeader("Access-Control-Allow-Origin", "*");
    const more = verdict === "go" ? {} : verdict;
    response.end(JSON.stringify({ chromebook: this.chromebook, ...more }));
  }
}
