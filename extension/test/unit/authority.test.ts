import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Authority, type Fetch } from "../../src/authority.js";
import { StepFailed, type Failure } from "../../src/failure.js";
import { toBase64 } from "../../src/encoding.js";
import { OpenSsl } from "./support/authority.js";

const openssl = new OpenSsl();
openssl.certificate("leaf", { role: "ca" });
after(() => openssl.remove());

const NOW = Date.UTC(2026, 10, 26, 10);
const URLS = ["https://a.example.com", "https://b.example.com"];

function authority(fetch: Fetch, { servers = URLS.slice(0, 1), online = true } = {}): Authority {
  return new Authority(
    servers,
    fetch,
    () => NOW,
    () => online,
  );
}

function answering(status: number, body: string, headers: Record<string, string> = {}): Fetch {
  const kind = status < 400 ? "application/json" : "application/problem+json";
  return async () => new Response(body, { status, headers: { "Content-Type": kind, ...headers } });
}

async function failing(fetch: Fetch, options = {}): Promise<Failure> {
  try {
    await authority(fetch, options).challenge("wifi-user");
  } catch (error) {
    assert.ok(error instanceof StepFailed, String(error));
    return error.failure;
  }
  assert.fail("it did not fail");
}

test("a challenge is asked for as documented", async () => {
  const asked: [string, RequestInit][] = [];
  const challenge = await authority(async (url, init) => {
    asked.push([url, init]);
    return answering(201, JSON.stringify({ challenge: toBase64(Uint8Array.of(1, 2)), expires_at: "x" }))(
      url,
      init,
    );
  }).challenge("wifi-user");
  assert.deepEqual(challenge, Uint8Array.of(1, 2));
  const [url, init] = asked[0] ?? [];
  assert.equal(url, "https://a.example.com/v1/challenges");
  assert.equal(init?.body, '{"profile":"wifi-user"}');
  assert.deepEqual(init?.headers, { "Content-Type": "application/json" });
  assert.equal(init?.credentials, "omit");
  assert.equal(init?.redirect, "manual");
});

test("a device's request names no e-mail, a user's does", async () => {
  const bodies: string[] = [];
  const answer = {
    certificate: openssl.pem("leaf"),
    chain: [openssl.pem("leaf")],
    renew_after: "2026-12-01T00:00:00Z",
    attempt: "7K3M9QXA",
  };
  const ca = authority(async (url, init) => {
    bodies.push(String(init.body));
    return answering(201, JSON.stringify(answer))(url, init);
  });
  const issued = await ca.certificate("wifi-device", "AQ==", null);
  await ca.certificate("wifi-user", "AQ==", "alice@example.com");
  assert.deepEqual(
    bodies.map((body) => Object.keys(JSON.parse(body))),
    [
      ["challenge_response", "profile"],
      ["challenge_response", "profile", "email"],
    ],
  );
  assert.equal(issued.renewAfter, Date.UTC(2026, 11, 1));
  assert.equal(issued.attempt, "7K3M9QXA");
});

test("a problem document says what to do", async () => {
  const problem = {
    title: "Busy",
    detail: "Later.",
    code: "busy",
    action: "retry_same",
    retry_after: 3,
    request_id: "r1",
    attempt: "A",
  };
  const failed = await failing(answering(503, JSON.stringify(problem), { "Retry-After": "4" }));
  assert.deepEqual(failed, {
    code: "busy",
    action: "retry_same",
    retryAfter: 4,
    pause: null,
    keep: true,
    detail: "Busy. Later.",
    attempt: "A",
    requestId: "r1",
  });
});

test("an action of tomorrow is stop, a denial is final, a fault of the service is not", async () => {
  const of = (status: number, action: string) =>
    failing(answering(status, JSON.stringify({ code: "x", action })));
  assert.equal((await of(403, "dance")).action, "stop");
  assert.equal((await of(403, "ask_admin")).keep, false);
  assert.equal((await of(503, "ask_admin")).keep, true);
  assert.equal((await of(403, "restart")).keep, false);
});

const STRANGERS: [string, Fetch, string][] = [
  [
    "a page in place of the answer",
    answering(200, "<html>", { "Content-Type": "text/html" }),
    "sign_in_page",
  ],
  [
    "a page without a type",
    async () => new Response("hello", { headers: { "Content-Type": "" } }),
    "sign_in_page",
  ],
  [
    "a redirect",
    async () => Object.defineProperty(new Response(null), "type", { value: "opaqueredirect" }),
    "sign_in_page",
  ],
  ["a proxy's page", answering(502, "<html>", { "Content-Type": "text/html" }), "strange_answer"],
  ["JSON that is none", answering(201, "{"), "strange_answer"],
  ["another object", answering(201, '{"hello":1}'), "strange_answer"],
  ["a list", answering(201, "[]"), "strange_answer"],
  ["a problem that is none", answering(403, "[]"), "strange_answer"],
  ["an endless answer", answering(201, `"${"x".repeat(300_000)}"`), "strange_answer"],
  [
    "no answer in time",
    async () => {
      throw new DOMException("late", "TimeoutError");
    },
    "no_answer",
  ],
  [
    "nobody",
    async () => {
      throw new TypeError("Failed to fetch");
    },
    "unreachable",
  ],
  [
    "a service that does not know this extension",
    async (_, init) => {
      if (init.mode === "no-cors") return new Response(null);
      throw new TypeError("Failed to fetch");
    },
    "not_admitted",
  ],
];
for (const [what, fetch, code] of STRANGERS) {
  test(`${what} is ${code}, and the same bytes can be sent again`, async () => {
    const failed = await failing(fetch);
    assert.equal(failed.code, code);
    assert.equal(failed.action, "retry_same");
    assert.equal(failed.keep, true);
  });
}

test("without a network nobody is asked", async () => {
  let asked = 0;
  const failed = await failing(
    async () => {
      asked += 1;
      return new Response();
    },
    { online: false },
  );
  assert.deepEqual([failed.code, asked], ["offline", 0]);
});

test("the second address is asked where the first does not answer, and only then", async () => {
  const asked: string[] = [];
  const second: Fetch = async (url, init) => {
    asked.push(new URL(url).host);
    if (url.startsWith("https://a.")) throw new TypeError("Failed to fetch");
    return answering(201, '{"challenge":"AQ=="}')(url, init);
  };
  await authority(second, { servers: URLS }).challenge("wifi-user");
  assert.deepEqual(asked, ["a.example.com", "a.example.com", "b.example.com"]);
  asked.length = 0;
  const refusing: Fetch = async (url, init) => {
    asked.push(new URL(url).host);
    return answering(403, '{"code":"blocked","action":"ask_admin"}')(url, init);
  };
  assert.equal((await failing(refusing, { servers: URLS })).code, "blocked");
  assert.deepEqual(asked, ["a.example.com"]);
});

test("the service's clock is read from Date", async () => {
  const ca = authority(
    answering(201, '{"challenge":"AQ=="}', { Date: new Date(NOW + 600_000).toUTCString() }),
  );
  await ca.challenge("wifi-user");
  assert.equal(ca.clock?.ahead, 600_500);
});

const INFO = {
  profile: "wifi-user",
  status: "good",
  not_after: "2026-12-26T00:00:00Z",
  suggested_window: { start: "2026-12-10T00:00:00Z", end: "2026-12-12T00:00:00Z" },
  superseded_by: null,
  retry_after: 3600,
};

test("renewal info, as documented", async () => {
  const asked: string[] = [];
  const ca = authority(async (url, init) => {
    asked.push(url);
    return answering(200, JSON.stringify(INFO))(url, init);
  });
  assert.deepEqual(await ca.renewalInfo("0123456789abcdef", "01ab"), {
    known: {
      profile: "wifi-user",
      status: "good",
      start: Date.UTC(2026, 11, 10),
      end: Date.UTC(2026, 11, 12),
      supersededBy: null,
    },
    nextAt: NOW + 3600_000,
  });
  assert.deepEqual(asked, ["https://a.example.com/v1/certificates/0123456789abcdef/01ab/renewal-info"]);
});

test("renewal info: a successor, a certificate that is not known, a service in a hurry, a word of tomorrow", async () => {
  const of = (status: number, info: unknown) =>
    authority(answering(status, JSON.stringify(info))).renewalInfo("i", "s");
  const succeeded = await of(200, { ...INFO, superseded_by: { issuer: "i", serial: "02" } });
  assert.equal(succeeded.known?.supersededBy, "02");
  assert.equal((await of(404, { code: "not_found", action: "stop" })).known, null);
  assert.equal((await of(200, { ...INFO, retry_after: 0 })).nextAt, NOW + 60_000);
  await assert.rejects(of(200, { ...INFO, status: "asleep" }), StepFailed);
  await assert.rejects(of(200, { ...INFO, suggested_window: null }), StepFailed);
});

test("the published roots", async () => {
  const pem = (body: string) =>
    authority(answering(200, body, { "Content-Type": "application/x-pem-file" })).roots();
  assert.equal((await pem(openssl.pem("leaf"))).length, 1);
  await assert.rejects(pem("-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----"), StepFailed);
});
