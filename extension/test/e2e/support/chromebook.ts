// A virtual Chromebook as a process, and what its tokens hold.

import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { start, until, type Running } from "./process.js";
import { freePort, type VerifiedAccess } from "./service.js";

const programs = join(process.env["VACA_EXTENSION"] ?? ".", "..", "target", "debug");

/** One Chromebook with one user signed in. */
export class Chromebook {
  private constructor(
    readonly url: string,
    readonly device: string,
    readonly email: string,
    private readonly process: Running,
  ) {}

  static async start(access: VerifiedAccess, extension: string, email: string): Promise<Chromebook> {
    const port = await freePort();
    const device = crypto.randomUUID();
    const process = start(
      join(programs, "emulator"),
      [
        "chromebook",
        "serve",
        "--listen",
        `127.0.0.1:${port}`,
        "--extension",
        extension,
        "--email",
        email,
        "--device-id",
        device,
        "--machine-key",
        "ecdsa",
        "--verified-access",
        `http://127.0.0.1:${access.control}`,
      ],
      join(access.folder, "chromebook.log"),
      access.folder,
    );
    const chromebook = new Chromebook(`http://127.0.0.1:${port}`, device, email, process);
    await until(
      "the virtual Chromebook",
      async () => (await fetch(`${chromebook.url}/chromebook/v1/user`)).ok,
    );
    return chromebook;
  }

  /** The certificates of a token. */
  async certificates(token: "user" | "system"): Promise<X509Certificate[]> {
    const answer = await fetch(`${this.url}/chromebook/v1/tokens/${token}/certificates`);
    const held = (await answer.json()) as { certificate: string }[];
    return held.map((one) => new X509Certificate(Buffer.from(one.certificate, "base64")));
  }

  /** How many keys were registered with a token. */
  async keys(token: "user" | "system"): Promise<number> {
    const answer = await fetch(`${this.url}/chromebook/v1/tokens`);
    return ((await answer.json()) as Record<string, number>)[token] ?? 0;
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}
