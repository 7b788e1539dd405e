// Looks at every profile, does what is due, and says when to look again.

import { Authority, type Fetch } from "./authority.js";
import { issuerId, readCertificate, type Certificate } from "./certificate.js";
import type { Device } from "./chromeos.js";
import type { Configuration, ProfileSetting } from "./configuration.js";
import { decide, type Candidate, type Decision } from "./decision.js";
import { sha256, fromBase64, toBase64, toHex } from "./encoding.js";
import { currentOf, enrol, type Means } from "./enrolment.js";
import { failure, StepFailed, type Failure } from "./failure.js";
import {
  belongs,
  candidate,
  ours,
  unknownIssuers,
  withInfo,
  withIssuers,
  type Issuers,
  type Ours,
} from "./inventory.js";
import type { Journal } from "./journal.js";
import { blank, tokenOf, type Drawn, type Memory, type Store } from "./memory.js";
import { plan } from "./patience.js";

/** Roots are fetched again after this time. Milliseconds. */
const ROOTS_LIFE = 24 * 3600 * 1000;
/** Roots that could not be had are asked for again after this time. Milliseconds. */
const ROOTS_AGAIN = 15 * 60 * 1000;
/** A CA that the service does not know is asked for again after this time. Milliseconds. */
const STRANGERS_LIFE = 24 * 3600 * 1000;
/** Two clocks that differ by less are thought to agree. Milliseconds. */
const CLOCKS_AGREE = 2000;

/** What a look needs of the world. */
export interface World {
  device: Device;
  store: Store;
  fetch: Fetch;
  journal: Journal;
  /** Milliseconds since 1970, by this device. */
  now(): number;
  /** At least 0, less than 1. */
  random(): number;
  online(): boolean;
}

/** What one look came to, for each profile. */
export interface Outcome {
  profile: ProfileSetting;
  memory: Memory;
  /** When to look again, by the clock of this device; `null` where nothing is due by itself. */
  due: number | null;
}

/** Works for one configuration, for one look. */
export class Look {
  readonly #authority: Authority;
  #ahead = 0;
  #rootsDue: number | null = null;
  #fetched: Promise<Certificate[]> | null = null;

  constructor(
    private readonly world: World,
    private readonly configuration: Configuration,
  ) {
    const { fetch, now, online } = world;
    // Times that are remembered are the service's: see `#now`.
    this.#authority = new Authority(configuration.servers, fetch, now, online);
  }

  /** By the service's clock, as far as it is known: ours may be wrong. */
  #now(): number {
    const seen = this.#authority.clock;
    if (seen) this.#ahead = Math.abs(seen.ahead) < CLOCKS_AGREE ? 0 : seen.ahead;
    return this.world.now() + this.#ahead;
  }

  /** Looks at every profile once. */
  async take(): Promise<Outcome[]> {
    const { store, now } = this.world;
    this.#ahead = (await store.read("clock"))?.ahead ?? 0;
    if (Math.abs(this.#ahead) < CLOCKS_AGREE) this.#ahead = 0;
    const outcomes: Outcome[] = [];
    for (const profile of this.configuration.profiles) {
      outcomes.push(await this.#profile(profile));
    }
    if (this.#authority.clock) await store.write("clock", this.#authority.clock);
    await store.write("checked", now());
    await this.world.journal.flush();
    return outcomes;
  }

  async #profile(profile: ProfileSetting): Promise<Outcome> {
    const { store, journal } = this.world;
    const subject = about(this.configuration, profile.name);
    let memory = await store.read(`profile/${profile.name}`);
    if (memory?.about !== subject) memory = { ...blank(subject), former: former(memory) };
    let due: number | null;
    try {
      due = await this.#act(profile, memory);
    } catch (error) {
      const failed = failureOf(error);
      journal.add("error", `${profile.name}: ${failed.code}${failed.detail ? `: ${failed.detail}` : ""}`);
      this.#fail(memory, failed);
      due = memory.trouble?.retryAt ?? null;
    }
    await store.write(`profile/${profile.name}`, memory);
    await journal.flush();
    return { profile, memory, due: due === null ? null : due - this.#ahead };
  }

  #fail(memory: Memory, failed: Failure): void {
    if (!failed.keep) memory.pending = null;
    const { trouble, tries } = plan(failed, memory, this.#now(), this.world.random);
    memory.trouble = trouble;
    memory.tries = tries;
  }

  /** Does what is due; returns when the next thing is, by the service's clock. */
  async #act(profile: ProfileSetting, memory: Memory): Promise<number | null> {
    const { decision, found, next } = await this.#decide(profile, memory);
    const { action } = decision;
    this.world.journal.add("debug", `${profile.name}: ${action.kind}`);
    memory.asking = action.kind === "ask";
    if (action.kind === "enrol" || action.kind === "resume") {
      const reason = action.kind === "enrol" ? action.reason : "resume";
      this.world.journal.add("info", `${profile.name}: enrolling (${reason})`);
      await enrol(profile, memory, this.#means(profile, memory));
      this.world.journal.add(
        "info",
        `${profile.name}: certificate ${memory.current?.serial} is in the token`,
      );
      const after = await this.#decide(profile, memory);
      await this.#tidy(profile, memory, after.decision, after.found);
      return soonest(after.next, memory.current?.renewAt ?? null);
    }
    await this.#tidy(profile, memory, decision, found);
    if (action.kind === "keep") {
      // Whatever was wrong, nothing is wanted any more.
      memory.trouble = null;
      memory.tries = { same: 0, restarts: 0 };
      return soonest(next, action.until);
    }
    return soonest(next, action.kind === "wait" ? action.until : null);
  }

  /** The decision on what the token holds, and when the service wants to be asked again. */
  async #decide(
    profile: ProfileSetting,
    memory: Memory,
  ): Promise<{ decision: Decision; found: Ours[]; next: number | null }> {
    const found = (await this.#found(profile)).filter((one) => belongs(one, profile, memory));
    const candidates: Candidate[] = [];
    const drawn: Drawn[] = [];
    for (const one of found) {
      const seen = candidate(one, memory, this.world.random);
      candidates.push(seen.candidate);
      if (seen.drawn) drawn.push(seen.drawn);
    }
    const decision = decide({
      now: this.#now(),
      candidates,
      pending: memory.pending !== null,
      trouble: memory.trouble,
      ask: this.configuration.interaction === "ask",
      consent: memory.consent,
    });
    memory.drawn = drawn.find((one) => one.serial === decision.counts) ?? memory.drawn;
    this.#remember(memory, decision, found, candidates);
    // What was due and not asked for, of a certificate that serves nobody, is no reason to hurry.
    const infos = found
      .map((one) => one.info?.nextAt ?? null)
      .filter((at) => at !== null && at > this.#now());
    return { decision, found, next: soonest(this.#rootsDue, ...infos) };
  }

  #remember(memory: Memory, decision: Decision, found: Ours[], candidates: Candidate[]): void {
    const serving = found.find((one) => one.certificate.serial === decision.current);
    const seen = candidates.find((one) => one.serial === decision.current);
    const attempt = memory.renewAfter?.serial === decision.current ? memory.renewAfter.attempt : null;
    const before = memory.current?.serial;
    if (before !== undefined && before !== decision.current && !memory.former.includes(before)) {
      memory.former.push(before);
    }
    memory.current =
      serving && seen ? currentOf(serving.certificate, serving.issuer, seen.renewAt, attempt) : null;
  }

  /** The service's certificates in the profile's token. */
  async #found(profile: ProfileSetting): Promise<Ours[]> {
    const { device, store } = this.world;
    const token = tokenOf(profile.scope);
    if (!(await device.tokens()).includes(token)) {
      throw new StepFailed(failure("token_missing", "ask_admin", { pause: 3600, keep: true }));
    }
    const ders = await device.certificates(token);
    const issuers = await this.#issuers(ders);
    const roots = await this.#knownRoots();
    const infos = (await store.read(`infos/${token}`)) ?? {};
    const asked = await withInfo(await ours(ders, issuers, roots), infos, this.#authority, this.#now());
    if (asked.failed) {
      this.world.journal.add("info", `renewal info: ${asked.failed.failure.code}`);
    }
    await store.write(`infos/${token}`, asked.infos);
    return asked.found;
  }

  /** The issuers that are known, with those that the certificates of a token name. */
  async #issuers(ders: Uint8Array<ArrayBuffer>[]): Promise<Issuers> {
    const { store, now } = this.world;
    let known: Issuers = (await store.read("issuers")) ?? {};
    const strangers = (await store.read("strangers")) ?? {};
    const recent = Object.entries(strangers).filter(([, at]) => Math.abs(now() - at) < STRANGERS_LIFE);
    const unknown = unknownIssuers(ders, [...Object.keys(known), ...recent.map(([id]) => id)]);
    for (const id of unknown) {
      try {
        const issuer = await this.#authority.issuer(id);
        if (issuer && (await issuerId(issuer)) === id) {
          known = await withIssuers(known, [issuer]);
          await store.write("issuers", known);
        } else {
          recent.push([id, now()]);
          await store.write("strangers", Object.fromEntries(recent));
        }
      } catch (error) {
        this.world.journal.add("info", `issuer ${id}: ${failureOf(error).code}`);
        break;
      }
    }
    return known;
  }

  /** Removes what was replaced. What cannot be removed is tried again with the next look. */
  async #tidy(profile: ProfileSetting, memory: Memory, decision: Decision, found: Ours[]): Promise<void> {
    const token = tokenOf(profile.scope);
    const left: string[] = [];
    for (const one of found) {
      const { serial, der } = one.certificate;
      if (!decision.remove.includes(serial)) continue;
      try {
        await this.world.device.removeCertificate(token, der);
        this.world.journal.add("info", `${profile.name}: removed ${serial}, which was replaced`);
      } catch (error) {
        left.push(serial);
        this.world.journal.add("error", `${profile.name}: ${failureOf(error).code} while removing ${serial}`);
      }
    }
    const present = found.map((one) => one.certificate.serial);
    memory.former = memory.former.filter(
      (serial) => present.includes(serial) && (!decision.remove.includes(serial) || left.includes(serial)),
    );
  }

  #means(profile: ProfileSetting, memory: Memory): Means {
    const { device, store } = this.world;
    return {
      device,
      authority: this.#authority,
      now: () => this.#now(),
      roots: (doubted) => this.#trusted(doubted),
      save: () => store.write(`profile/${profile.name}`, memory),
      rememberIssuers: async (chain) => {
        const known = (await store.read("issuers")) ?? {};
        await store.write("issuers", await withIssuers(known, chain));
      },
    };
  }

  /** The roots, fetched where they are a day old; `null` where they were never to be had. */
  async #knownRoots(): Promise<Certificate[] | null> {
    try {
      return await this.#trusted(false);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      this.#rootsDue = this.#now() + ROOTS_AGAIN;
      const stored = await this.#storedRoots();
      return stored ? this.#accepted(stored.roots) : null;
    }
  }

  /** The roots that are accepted, fetched anew where they are old or somebody doubts them. */
  async #trusted(doubted: boolean): Promise<Certificate[]> {
    const stored = await this.#storedRoots();
    if (stored && !this.#fetched && !doubted && stored.age < ROOTS_LIFE) return this.#accepted(stored.roots);
    // Once a look: a service that does not answer is not asked again for each profile.
    this.#fetched ??= this.#fetchRoots();
    return this.#accepted(await this.#fetched);
  }

  async #storedRoots(): Promise<{ roots: Certificate[]; age: number } | null> {
    const stored = await this.world.store.read("roots");
    if (stored?.servers !== this.configuration.servers.join(" ")) return null;
    const roots = stored.certificates.map((der) => readCertificate(fromBase64(der)));
    return { roots, age: Math.abs(this.world.now() - stored.at) };
  }

  async #fetchRoots(): Promise<Certificate[]> {
    const roots = await this.#authority.roots();
    const certificates = roots.map((root) => toBase64(root.der));
    const servers = this.configuration.servers.join(" ");
    await this.world.store.write("roots", { servers, at: this.world.now(), certificates });
    return roots;
  }

  /** Those that the configuration accepts. */
  async #accepted(roots: Certificate[]): Promise<Certificate[]> {
    const wanted = this.configuration.roots;
    if (wanted.length === 0) return roots;
    const accepted: Certificate[] = [];
    for (const root of roots) {
      if (wanted.includes(toHex(await sha256(root.der)))) accepted.push(root);
    }
    return accepted;
  }
}

/** What a profile's memory is about: with another scope or service it is worth nothing. */
export function about(configuration: Configuration, name: string): string {
  const profile = configuration.profiles.find((one) => one.name === name);
  return [profile?.scope, ...configuration.servers].join(" ");
}

/** A profile that moved to another service keeps in mind what it leaves behind. */
function former(memory: Memory | undefined): string[] {
  if (!memory) return [];
  return [...memory.former, ...(memory.current ? [memory.current.serial] : [])];
}

function soonest(...times: (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length > 0 ? Math.min(...known) : null;
}

/** A failure of our own code is one that may pass: it must not stop the other profiles. */
function failureOf(error: unknown): Failure {
  if (error instanceof StepFailed) return error.failure;
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return failure("unexpected", "ask_admin", { pause: 3600, keep: true, detail });
}
