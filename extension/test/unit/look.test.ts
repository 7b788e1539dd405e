// Whole looks, on a token, a service and a memory that are made of values.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Look, type World } from "../../src/look.js";
import { issuerId, readCertificate } from "../../src/certificate.js";
import type { Device } from "../../src/chromeos.js";
import { failureOf } from "../../src/chromeos.js";
import { readConfiguration } from "../../src/configuration.js";
import { toHex, sha256 } from "../../src/encoding.js";
import { StepFailed } from "../../src/failure.js";
import { Journal } from "../../src/journal.js";
import type { Memory, Store, Stored } from "../../src/memory.js";
import { OpenSsl } from "./support/authority.js";

const openssl = new OpenSsl();
after(() => openssl.remove());
const root = openssl.certificate("root", { role: "ca" });
const issuing = openssl.certificate("issuing", { role: "ca", signer: "root" });
const leaves = ["a", "b"].map((name) => ({ name, der: openssl.certificate(name, { signer: "issuing" }) }));
const foreign = openssl.certificate("foreign");
const id = await issuerId(readCertificate(issuing));
const serial = (index: number) => readCertificate(leaves[index]!.der).serial;
const HOUR = 3600_000;
const PROBLEMS: Record<string, string> = { "Content-Type": "application/problem+json" };
const JSON_TYPE = { "Content-Type": "application/json" };

/** A Chromebook, a service and a memory. */
class Bench {
  now = Date.now();
  online = true;
  email = "Alice@example.com";
  tokens = ["user", "system"];
  held: Uint8Array<ArrayBuffer>[] = [];
  /** Fails the next import with these words. */
  importFails: string | null = null;
  stored = new Map<string, unknown>();
  asked: string[] = [];
  bodies: any[] = [];
  challenges = 0;
  /** Answers that come in place of the usual ones, by path. */
  answers = new Map<string, () => Response>();
  /** Whether the service's clock differs, in milliseconds. */
  ahead = 0;
  #issued = 0;

  readonly device: Device = {
    tokens: async () => this.tokens,
    certificates: async () => [...this.held],
    challengeKey: async () => {
      this.challenges += 1;
      return Uint8Array.of(this.challenges);
    },
    importCertificate: async (_, der) => {
      const words = this.importFails;
      this.importFails = null;
      if (words !== null) throw new StepFailed(failureOf(words));
      this.held.push(der);
    },
    removeCertificate: async (_, der) => {
      this.held = this.held.filter((held) => held !== der && toHex(held) !== toHex(der));
    },
    email: async () => this.email,
  };

  readonly store: Store = {
    read: async (key) => structuredClone(this.stored.get(key)) as Stored[typeof key],
    write: async (key, value) => {
      this.stored.set(key, structuredClone(value));
    },
  };

  async look(more: Record<string, unknown> = {}): Promise<{ memory: Memory; due: number | null }> {
    const reading = readConfiguration({
      servers: ["https://vaca.example.com"],
      profiles: [{ name: "wifi-user", scope: "user" }],
      ...more,
    });
    const world: World = {
      device: this.device,
      store: this.store,
      journal: new Journal(this.store, () => this.now),
      fetch: async (url, init) => this.#answer(new URL(url).pathname, init),
      now: () => this.now,
      random: () => 0.5,
      online: () => this.online,
    };
    const [outcome] = await new Look(world, reading.configuration!).take();
    return outcome!;
  }

  #answer(path: string, init: RequestInit): Response {
    this.asked.push(path);
    if (init.body) this.bodies.push(JSON.parse(String(init.body)));
    const response = this.answers.get(path)?.() ?? this.#usual(path);
    response.headers.set("Date", new Date(this.now + this.ahead).toUTCString());
    return response;
  }

  #usual(path: string): Response {
    if (path === "/v1/ca/bundle.pem")
      return new Response(openssl.pem("root"), { headers: { "Content-Type": "application/x-pem-file" } });
    if (path === `/ca/${id}.crt`)
      return new Response(issuing, { headers: { "Content-Type": "application/pkix-cert" } });
    if (path === "/v1/challenges")
      return new Response('{"challenge":"AQ=="}', { status: 201, headers: JSON_TYPE });
    if (path !== "/v1/certificates")
      return new Response('{"code":"not_found","action":"stop"}', { status: 404, headers: PROBLEMS });
    const { name } = leaves[this.#issued]!;
    this.#issued += 1;
    return new Response(
      JSON.stringify({
        certificate: openssl.pem(name),
        chain: [openssl.pem("issuing")],
        renew_after: new Date(this.now + 20 * 24 * HOUR).toISOString(),
        attempt: `ATTEMPT${this.#issued}`,
      }),
      { status: 201, headers: JSON_TYPE },
    );
  }

  info(index: number, more: Record<string, unknown> = {}): void {
    const known = {
      profile: "wifi-user",
      status: "good",
      superseded_by: null,
      retry_after: 3600,
      suggested_window: {
        start: new Date(this.now + 10 * 24 * HOUR).toISOString(),
        end: new Date(this.now + 12 * 24 * HOUR).toISOString(),
      },
      ...more,
    };
    this.answers.set(
      `/v1/certificates/${id}/${serial(index)}/renewal-info`,
      () => new Response(JSON.stringify(known), { headers: JSON_TYPE }),
    );
  }

  get requested(): number {
    return this.asked.filter((path) => path === "/v1/certificates").length;
  }
}

test("a first look enrols, with the e-mail in small letters, and remembers", async () => {
  const bench = new Bench();
  const { memory, due } = await bench.look();
  assert.equal(bench.held.length, 1);
  assert.equal(memory.current?.serial, serial(0));
  assert.equal(memory.current?.issuer, id);
  assert.equal(memory.current?.attempt, "ATTEMPT1");
  assert.equal(bench.bodies[1].email, "alice@example.com");
  // The service knows nothing of it yet, and is asked again in some hours.
  assert.ok(Math.abs(due! - (bench.now + 6 * HOUR)) <= 1000);
});

test("somebody else's certificate is left alone", async () => {
  const bench = new Bench();
  bench.held.push(foreign);
  await bench.look();
  assert.equal(bench.held.length, 2);
  assert.ok(bench.held.includes(foreign));
});

test("a session that remembers nothing recognises a certificate by its issuer's address and the service's word", async () => {
  const bench = new Bench();
  const named = openssl.certificate("named", {
    signer: "issuing",
    address: `http://pki.example.com/ca/${id}.crt`,
  });
  bench.held.push(named);
  const { serial: known } = readCertificate(named);
  bench.info(0);
  bench.answers.set(
    `/v1/certificates/${id}/${known}/renewal-info`,
    bench.answers.get(`/v1/certificates/${id}/${serial(0)}/renewal-info`)!,
  );
  const { memory } = await bench.look();
  assert.equal(memory.current?.serial, known);
  assert.equal(bench.requested, 0);
});

test("what is served under an issuer's id has to have that id, and is not asked for all day", async () => {
  const bench = new Bench();
  bench.held.push(leaves[0]!.der);
  bench.info(0);
  const elsewhere = "/ca/0123456789abcdef.crt";
  bench.answers.set(
    elsewhere,
    () => new Response(issuing, { headers: { "Content-Type": "application/pkix-cert" } }),
  );
  bench.answers.set(
    "/v1/challenges",
    () => new Response('{"code":"busy","action":"retry_same"}', { status: 503, headers: PROBLEMS }),
  );
  const { memory } = await bench.look();
  assert.equal(memory.current, null);
  bench.now += HOUR;
  await bench.look();
  assert.equal(bench.asked.filter((path) => path === elsewhere).length, 1);
});

test("a certificate that is known by its issuer alone belongs where the service says", async () => {
  for (const [profile, requests] of [
    ["wifi-user", 0],
    ["vpn-user", 1],
  ] as const) {
    const bench = new Bench();
    bench.held.push(leaves[1]!.der);
    bench.stored.set("issuers", { [id]: Buffer.from(issuing).toString("base64") });
    bench.info(1, { profile });
    const { memory } = await bench.look();
    assert.equal(bench.requested, requests, profile);
    if (profile === "wifi-user") assert.equal(memory.current?.serial, serial(1));
    assert.ok(
      bench.held.some((held) => toHex(held) === toHex(leaves[1]!.der)),
      "it stays",
    );
  }
});

test("what is superseded goes, once its successor is here", async () => {
  const bench = new Bench();
  await bench.look();
  bench.info(0, {
    superseded_by: { issuer: id, serial: serial(1) },
    suggested_window: { start: "2020-01-01T00:00:00Z", end: "2020-01-02T00:00:00Z" },
  });
  bench.now += 7 * HOUR;
  const { memory } = await bench.look();
  assert.equal(memory.current?.serial, serial(1), "the window is over: renewed at once");
  assert.deepEqual(
    bench.held.map((der) => readCertificate(der).serial),
    [serial(1)],
  );
  assert.deepEqual(memory.former, []);
});

test("a revoked certificate is replaced, in the minutes that the service suggests", async () => {
  const bench = new Bench();
  await bench.look();
  bench.now += 7 * HOUR;
  const window = {
    start: new Date(bench.now).toISOString(),
    end: new Date(bench.now + HOUR / 6).toISOString(),
  };
  bench.info(0, { status: "revoked", suggested_window: window });
  const { memory, due } = await bench.look();
  assert.equal(memory.current, null);
  assert.equal(bench.requested, 1);
  assert.ok(Math.abs(due! - (bench.now + HOUR / 12)) <= 1000, "in the middle, as it was drawn");
  bench.now = due!;
  const after = await bench.look();
  assert.equal(after.memory.current?.serial, serial(1));
  assert.equal(bench.held.length, 1);
});

test("the moment of renewal is drawn in the window, once, and anew when the window moves", async () => {
  const bench = new Bench();
  await bench.look();
  bench.info(0);
  bench.now += 7 * HOUR;
  const first = (await bench.look()).memory;
  const start = Date.parse(
    JSON.parse(await bench.answers.get(`/v1/certificates/${id}/${serial(0)}/renewal-info`)!().text())
      .suggested_window.start,
  );
  assert.equal(first.current?.renewAt, start + 24 * HOUR);
  bench.now += 2 * HOUR;
  assert.equal((await bench.look()).memory.current?.renewAt, first.current?.renewAt);
});

test("a service that is silent about a certificate is not asked every few seconds", async () => {
  const bench = new Bench();
  await bench.look();
  const path = `/v1/certificates/${id}/${serial(0)}/renewal-info`;
  bench.info(0);
  bench.now += 7 * HOUR;
  await bench.look();
  bench.answers.set(path, () => {
    throw new TypeError("Failed to fetch");
  });
  bench.now += 2 * HOUR;
  const { due, memory } = await bench.look();
  assert.ok(due! - bench.now >= 15 * 60_000, "later");
  assert.equal(memory.trouble, null, "nobody has to know");
});

test("an answer that is lost is asked for with the same bytes", async () => {
  const bench = new Bench();
  bench.answers.set("/v1/certificates", () => {
    throw new TypeError("Failed to fetch");
  });
  const { memory, due } = await bench.look();
  assert.equal(memory.pending?.step, "answered");
  assert.ok(due! > bench.now && due! <= bench.now + 2000);
  bench.answers.delete("/v1/certificates");
  bench.now = due!;
  await bench.look();
  assert.equal(bench.challenges, 1);
  assert.equal(bench.held.length, 1);
  const sent = bench.bodies.filter((body) => body.challenge_response);
  assert.deepEqual(sent[0], sent[1]);
});

test("before the time has come nothing is asked", async () => {
  const bench = new Bench();
  bench.answers.set(
    "/v1/challenges",
    () =>
      new Response('{"code":"busy","action":"retry_same"}', {
        status: 503,
        headers: { ...PROBLEMS, "Retry-After": "30" },
      }),
  );
  const { due } = await bench.look();
  assert.ok(due! >= bench.now + 30_000);
  bench.asked = [];
  bench.now += 29_000;
  await bench.look();
  assert.deepEqual(bench.asked, []);
});

test("a denial drops its bytes, a fault of the service keeps them", async () => {
  for (const [status, code, kept] of [
    [403, "blocked", null],
    [503, "issuer_expiring", "answered"],
  ] as const) {
    const bench = new Bench();
    bench.answers.set(
      "/v1/certificates",
      () => new Response(JSON.stringify({ code, action: "ask_admin" }), { status, headers: PROBLEMS }),
    );
    const { memory } = await bench.look();
    assert.equal(memory.pending?.step ?? null, kept);
    assert.equal(memory.trouble?.refusal, true);
  }
});

test("a certificate from an unexpected root waits for the configuration to be set right", async () => {
  const bench = new Bench();
  const wrong = await bench.look({ roots_sha256: ["00".repeat(32)] });
  assert.equal(wrong.memory.trouble?.code, "wrong_issuer");
  assert.equal(bench.held.length, 0);
  bench.now += 2 * HOUR;
  await bench.look({ roots_sha256: ["00".repeat(32)] });
  assert.equal(
    bench.asked.filter((path) => path.endsWith("bundle.pem")).length,
    2,
    "roots that are doubted are fetched again",
  );
  bench.now += 2 * HOUR;
  const right = await bench.look({ roots_sha256: [toHex(await sha256(root))] });
  assert.equal(right.memory.trouble, null);
  assert.equal(bench.requested, 1);
});

test("roots that change make a certificate one of an unknown issuer", async () => {
  const bench = new Bench();
  await bench.look();
  const { memory } = await bench.look({ roots_sha256: ["00".repeat(32)] });
  assert.equal(memory.trouble?.code, "wrong_issuer");
  assert.equal(bench.held.length, 1, "the old one stays until there is a better one");
});

test("what is due of a certificate that serves nobody is no reason to look at once", async () => {
  const bench = new Bench();
  await bench.look();
  bench.info(0);
  bench.now += 7 * HOUR;
  await bench.look();
  bench.now += 2 * HOUR;
  const { due, memory } = await bench.look({ roots_sha256: ["00".repeat(32)] });
  assert.equal(memory.trouble?.code, "wrong_issuer");
  assert.ok(due! > bench.now + HOUR / 2, String(due! - bench.now));
});

test("a clock that is slow by a day does not confuse renewals", async () => {
  const bench = new Bench();
  bench.ahead = 24 * HOUR;
  await bench.look();
  const { due } = await bench.look();
  assert.ok(Math.abs((bench.stored.get("clock") as { ahead: number }).ahead - 24 * HOUR) <= 1000);
  assert.ok(Math.abs(due! - (bench.now + 6 * HOUR)) <= 1000, "due by the clock of this device");
});

test("a key that was lost costs a new one, a token that was busy does not", async () => {
  for (const [words, challenges] of [
    ["Key not found.", 2],
    ["net::ERR_ADD_USER_CERT_FAILED", 1],
  ] as const) {
    const bench = new Bench();
    bench.importFails = words;
    const { due } = await bench.look();
    bench.now = due!;
    await bench.look();
    assert.equal(bench.challenges, challenges, words);
    assert.equal(bench.held.length, 1, words);
  }
});

test("a session without the token, and one without a user, are told apart", async () => {
  const bench = new Bench();
  bench.tokens = ["system"];
  assert.equal((await bench.look()).memory.trouble?.code, "token_missing");
  bench.tokens = ["user"];
  bench.email = "";
  bench.now += 2 * HOUR;
  assert.equal((await bench.look()).memory.trouble?.code, "no_user");
  assert.equal(bench.challenges, 0);
});

test("a fault of our own is one profile's trouble", async () => {
  const bench = new Bench();
  bench.device.certificates = async () => {
    throw new RangeError("oops");
  };
  const { memory } = await bench.look();
  assert.equal(memory.trouble?.code, "unexpected");
  assert.equal(memory.trouble?.detail, "RangeError: oops");
});

test("nothing that is secret or personal reaches the journal", async () => {
  const bench = new Bench();
  await bench.look({ log_level: "debug" });
  bench.answers.set("/v1/certificates", () => {
    throw new TypeError("Failed to fetch");
  });
  const journal = (bench.stored.get("journal") as string[]).join("\n");
  assert.match(journal, /wifi-user/);
  assert.doesNotMatch(journal, /@|BEGIN|AQ==/);
});
