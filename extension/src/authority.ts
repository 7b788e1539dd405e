// The service's HTTP API (docs/api.md), and everything that can answer in its place.

import type { Certificate } from "./certificate.js";
import { readCertificate } from "./certificate.js";
import { certificatesOfPem, fromBase64, toBase64 } from "./encoding.js";
import { failure, StepFailed, type Action, type Failure } from "./failure.js";
import type { ClockReading, IssuedAnswer, RenewalInfo } from "./memory.js";

/** A request is given up after this time: a service worker may not live longer. Milliseconds. */
const TIME = 20_000;
/** More is not an answer of this API. Octets. */
const MAX_ANSWER = 256 * 1024;
/** When renewal info is asked for again, where the service does not say. Milliseconds. */
const INFO_LIFE = 6 * 3600 * 1000;
/** Never more often than this, whatever the service says. Milliseconds. */
const INFO_LIFE_MIN = 60 * 1000;

/** The browser's `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What a request came to. */
interface Answer {
  status: number;
  octets: Uint8Array<ArrayBuffer>;
  retryAfter: number | null;
}

const ACTIONS: readonly string[] = ["retry_same", "restart", "ask_admin", "stop"] satisfies Action[];

/** A client of one service. */
export class Authority {
  /** What the last answer said of the service's clock. */
  clock: ClockReading | null = null;

  constructor(
    private readonly servers: string[],
    private readonly fetch: Fetch,
    private readonly now: () => number,
    private readonly online: () => boolean,
  ) {}

  /** A challenge for a profile, good for a minute. */
  async challenge(profile: string): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await this.#json("POST", "/v1/challenges", { profile });
    return readable(() => fromBase64(text(answer, "challenge")));
  }

  /** The certificate for a challenge response; the same request always has the same outcome. */
  async certificate(profile: string, response: string, email: string | null): Promise<IssuedAnswer> {
    const body = { challenge_response: response, profile, ...(email === null ? {} : { email }) };
    const answer = await this.#json("POST", "/v1/certificates", body);
    return readable(() => {
      const chain = answer["chain"];
      if (!Array.isArray(chain)) throw new TypeError("chain");
      return {
        certificate: derOf(text(answer, "certificate")),
        chain: chain.map((pem) => derOf(String(pem))),
        renewAfter: timeOf(text(answer, "renew_after")),
        attempt: text(answer, "attempt"),
      };
    });
  }

  /** What the service says of a certificate, with the time at which to ask again. */
  async renewalInfo(issuer: string, serial: string): Promise<RenewalInfo> {
    const answer = await this.#request("GET", `/v1/certificates/${issuer}/${serial}/renewal-info`);
    if (answer.status === 404) return { known: null, nextAt: this.#serviceTime() + INFO_LIFE };
    const info = successful(answer);
    return readable(() => {
      const status = text(info, "status");
      if (status !== "good" && status !== "expired" && status !== "revoked") throw new TypeError(status);
      const window = info["suggested_window"] as Record<string, unknown>;
      const successor = info["superseded_by"] as Record<string, unknown> | null;
      const retryAfter = Number(info["retry_after"] ?? answer.retryAfter ?? NaN);
      const life = Number.isFinite(retryAfter) ? Math.max(retryAfter * 1000, INFO_LIFE_MIN) : INFO_LIFE;
      return {
        known: {
          profile: text(info, "profile"),
          status,
          start: timeOf(text(window, "start")),
          end: timeOf(text(window, "end")),
          supersededBy: successor ? text(successor, "serial") : null,
        },
        nextAt: this.#serviceTime() + life,
      };
    });
  }

  /** The roots that the service publishes. */
  async roots(): Promise<Certificate[]> {
    const answer = await this.#request("GET", "/v1/ca/bundle.pem");
    if (answer.status !== 200) throw new StepFailed(problem(answer));
    return readable(() => certificatesOfPem(decoded(answer)).map(readCertificate));
  }

  /** The certificate of one CA of the service; `null` where it has none of this id. */
  async issuer(id: string): Promise<Certificate | null> {
    const answer = await this.#request("GET", `/ca/${id}.crt`);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw new StepFailed(problem(answer));
    return readable(() => readCertificate(answer.octets));
  }

  async #json(method: string, path: string, body: unknown): Promise<Record<string, unknown>> {
    return successful(await this.#request(method, path, body));
  }

  /** Asks one address after the other until one of them answers. */
  async #request(method: string, path: string, body?: unknown): Promise<Answer> {
    let failed: StepFailed | null = null;
    for (const server of this.servers) {
      try {
        return await this.#ask(server, method, path, body);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        // The first address is the one that people look after.
        failed ??= error;
      }
    }
    throw failed ?? new StepFailed(failure("unreachable", "retry_same"));
  }

  async #ask(server: string, method: string, path: string, body?: unknown): Promise<Answer> {
    if (!this.online()) throw new StepFailed(failure("offline", "retry_same"));
    const init: RequestInit = {
      method,
      cache: "no-store",
      credentials: "omit",
      // A redirect is never this API's: whoever sends one wants the user to sign in somewhere.
      redirect: "manual",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIME),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    };
    let response: Response;
    let octets: Uint8Array<ArrayBuffer>;
    try {
      response = await this.fetch(server + path, init);
      octets = new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw new StepFailed(failure(await this.#silence(server, error), "retry_same"));
    }
    this.#readClock(response.headers.get("Date"));
    check(response, octets.length, path);
    return { status: response.status, octets, retryAfter: seconds(response.headers.get("Retry-After")) };
  }

  /** A browser says "failed" and no more. One request that cannot be read tells two cases apart. */
  async #silence(server: string, error: unknown): Promise<string> {
    if (error instanceof DOMException && error.name === "TimeoutError") return "no_answer";
    if (!this.online()) return "offline";
    try {
      await this.fetch(`${server}/healthz`, {
        mode: "no-cors",
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(TIME / 4),
      });
      return "not_admitted";
    } catch {
      return "unreachable";
    }
  }

  #serviceTime(): number {
    return this.now() + (this.clock?.ahead ?? 0);
  }

  #readClock(date: string | null): void {
    const theirs = date === null ? NaN : Date.parse(date);
    const ours = this.now();
    // `Date` counts whole seconds.
    if (Number.isFinite(theirs)) this.clock = { ahead: theirs + 500 - ours, at: ours };
  }
}

/** Throws where it is not this service that answered. */
function check(response: Response, size: number, path: string): void {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    throw new StepFailed(failure("sign_in_page", "retry_same"));
  }
  const kind = (response.headers.get("Content-Type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const expected = path.endsWith(".pem")
    ? "application/x-pem-file"
    : path.endsWith(".crt")
      ? "application/pkix-cert"
      : "application/json";
  if (size <= MAX_ANSWER && kind === (response.ok ? expected : "application/problem+json")) return;
  if (response.ok && (kind === "text/html" || kind === "")) {
    throw new StepFailed(failure("sign_in_page", "retry_same"));
  }
  const detail = `HTTP ${response.status}, ${kind || "no content type"}`;
  throw new StepFailed(failure("strange_answer", "retry_same", { detail }));
}

function successful(answer: Answer): Record<string, unknown> {
  if (answer.status < 200 || answer.status > 299) throw new StepFailed(problem(answer));
  return readable(() => object(JSON.parse(decoded(answer))));
}

function decoded(answer: Answer): string {
  return new TextDecoder().decode(answer.octets);
}

/** A problem document (RFC 9457), as docs/problems.md describes it. */
function problem(answer: Answer): Failure {
  const document = readable(() => object(JSON.parse(decoded(answer))));
  const said = (name: string) => (typeof document[name] === "string" ? String(document[name]) : null);
  const action = ACTIONS.includes(said("action") ?? "") ? (said("action") as Action) : "stop";
  const wait = answer.retryAfter ?? seconds(document["retry_after"]);
  return failure(said("code") ?? "strange_answer", action, {
    retryAfter: wait,
    // A denial is final for its bytes; what is the service's own trouble may pass.
    keep: action === "retry_same" || (action === "ask_admin" && answer.status >= 500),
    detail: [said("title"), said("detail")].filter((part) => part !== null).join(". ") || null,
    attempt: said("attempt"),
    requestId: said("request_id"),
  });
}

/** A whole number of seconds from a header or a member; a date is not used by this API. */
function seconds(value: unknown): number | null {
  const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= 0 ? number : null;
}

/** What is written in another way than documented is a strange answer, whatever it says. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const detail = error instanceof Error ? error.message : null;
    throw new StepFailed(failure("strange_answer", "retry_same", { detail }));
  }
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("no object");
  return value as Record<string, unknown>;
}

function text(of: Record<string, unknown>, name: string): string {
  const value = of[name];
  if (typeof value !== "string") throw new TypeError(`no ${name}`);
  return value;
}

function timeOf(value: string): number {
  const time = Date.parse(value);
  if (!Number.isFinite(time)) throw new TypeError("no time");
  return time;
}

function derOf(pem: string): string {
  const [der, ...more] = certificatesOfPem(pem);
  if (!der || more.length > 0) throw new TypeError("not one certificate");
  return toBase64(der);
}
