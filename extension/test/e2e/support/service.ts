// The real service and the local Verified Access, each a process, on loopback.

import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { cleanEnvironment, start, until, type Running } from "./process.js";

const repository = join(process.env["VACA_EXTENSION"] ?? ".", "..");
const programs = join(repository, "target", "debug");

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

const PROFILES = `
[[profile]]
name = "wifi-user"
scope = "user"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"

[[profile]]
name = "wifi-device"
scope = "machine"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"

[[profile]]
name = "once-a-minute"
scope = "user"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"
attempts_per_minute = 1

[[profile]]
name = "staff"
scope = "user"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"

[[profile.rule]]
name = "staff_only"
expression = 'email.startsWith("staff-")'
message = "Only staff get this certificate."
remedy = "use the certificate for pupils"
`;

/** The local Verified Access. */
export class VerifiedAccess {
  #process: Running | null = null;

  private constructor(
    readonly folder: string,
    readonly api: number,
    readonly control: number,
  ) {}

  static async start(folder: string): Promise<VerifiedAccess> {
    mkdirSync(folder, { recursive: true });
    const access = new VerifiedAccess(folder, await freePort(), await freePort());
    const args = [
      "serve",
      "--listen",
      `127.0.0.1:${access.api}`,
      "--control",
      `127.0.0.1:${access.control}`,
      "--state",
      folder,
    ];
    access.#process = start(join(programs, "emulator"), args, join(folder, "log"), folder);
    await until("the local Verified Access", async () => (await fetch(`${access.controlUrl}/calls`)).ok);
    return access;
  }

  get controlUrl(): string {
    return `http://127.0.0.1:${this.control}/emulator/v1`;
  }

  /** Scripts a fault, in every call until cleared. */
  async fault(call: "generate" | "verify", ...faults: unknown[]): Promise<void> {
    const answer = await fetch(`${this.controlUrl}/faults`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ call, faults }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  async behave(): Promise<void> {
    await fetch(`${this.controlUrl}/faults`, { method: "DELETE" });
  }

  async change(method: string, path: string, body?: unknown): Promise<void> {
    const answer = await fetch(this.controlUrl + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

/** vaca with a test CA of its own, over TLS. */
export class Service {
  #process: Running | null = null;

  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly pki: number,
  ) {}

  /** Makes the CA and serves. */
  static async start(folder: string, access: VerifiedAccess, extension: string): Promise<Service> {
    mkdirSync(folder, { recursive: true });
    const service = new Service(folder, await freePort(), await freePort());
    service.#makeTls();
    writeFileSync(join(folder, "vaca.toml"), service.#configuration(access, extension));
    service.vaca("migrate");
    service.vaca("init", "--organization", "Extension tests", "--test");
    await service.serve();
    return service;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** SHA-256 of the TLS key, as Chromium takes it for a key to trust. */
  get tlsKey(): string {
    const certificate = new X509Certificate(readFileSync(join(this.folder, "tls.crt")));
    const spki = certificate.publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(spki).digest("base64");
  }

  /** SHA-256 of the root certificate. */
  get root(): string {
    const root = new X509Certificate(readFileSync(join(this.folder, "root.crt")));
    return root.fingerprint256.replaceAll(":", "").toLowerCase();
  }

  /** A command of `vaca`. */
  vaca(...args: string[]): string {
    return execFileSync(join(programs, "vaca"), ["--config", "vaca.toml", "--log", "error", ...args], {
      cwd: this.folder,
      env: cleanEnvironment(),
      encoding: "utf8",
      timeout: 20_000,
    });
  }

  /** From the next start on: the TLS certificate of another service. */
  useTls(other: Service): void {
    for (const name of ["tls.crt", "tls.key"])
      copyFileSync(join(other.folder, name), join(this.folder, name));
  }

  async serve(): Promise<void> {
    this.#process = start(
      join(programs, "vaca"),
      ["--config", "vaca.toml", "serve"],
      join(this.folder, "log"),
      this.folder,
    );
    await until("vaca", () => this.#ready());
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  #ready(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = request(`${this.url}/readyz`, { rejectUnauthorized: false, timeout: 2000 }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      asked.once("error", () => resolve(false));
      asked.end();
    });
  }

  #makeTls(): void {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        "tls.key",
        "-out",
        "tls.crt",
        ...subject,
      ],
      { cwd: this.folder, env: cleanEnvironment(), stdio: "pipe" },
    );
    execFileSync("chmod", ["600", "tls.key"], { cwd: this.folder });
  }

  #configuration(access: VerifiedAccess, extension: string): string {
    return `
deployment_key_file = "deployment.key"

[listen]
api = "127.0.0.1:${this.port}"
pki = "127.0.0.1:${this.pki}"
pki_base_url = "http://pki.example.com"
tls_certificate_file = "tls.crt"
tls_key_file = "tls.key"

[database]
url = "sqlite:vaca.db"

[verified_access]
endpoint = "test"
url = "http://127.0.0.1:${access.api}"
service_account_file = "${join(access.folder, "service-account.json")}"

[http]
extension_ids = ["${extension}"]

[[issuer]]
name = "issuing"
certificate_file = "issuing/issuing.crt"
root_certificate_file = "root.crt"
key_file = "issuing/issuing.key"
passphrase_file = "issuing/passphrase"
${PROFILES}`;
  }
}
