// One enrolment, from a challenge to a certificate in the token. Each step that cannot be repeated is
// written down before the next begins: see memory.ts.

import type { Authority } from "./authority.js";
import { issuerId, leadsTo, readCertificate, type Certificate } from "./certificate.js";
import type { Device } from "./chromeos.js";
import type { ProfileSetting } from "./configuration.js";
import { fromBase64, toBase64 } from "./encoding.js";
import { failure, StepFailed } from "./failure.js";
import { tokenOf, type Current, type IssuedAnswer, type Memory } from "./memory.js";

/** What an enrolment works with. */
export interface Means {
  device: Device;
  authority: Authority;
  /** By the service's clock. */
  now(): number;
  /** The roots that are accepted, fetched anew where they are doubted; throws where they cannot be had. */
  roots(doubted: boolean): Promise<Certificate[]>;
  /** Writes the memory of this profile down. */
  save(): Promise<void>;
  /** Remembers an issuing certificate, to recognise its certificates later. */
  rememberIssuers(chain: Certificate[]): Promise<void>;
}

/** Goes from where the memory says, as far as the certificate. Throws {@link StepFailed}. */
export async function enrol(profile: ProfileSetting, memory: Memory, means: Means): Promise<void> {
  if (memory.pending === null) await answerChallenge(profile, memory, means);
  if (memory.pending?.step === "answered") await fetchCertificate(profile, memory, means);
  if (memory.pending?.step === "issued") await install(profile, memory, means);
}

async function answerChallenge(profile: ProfileSetting, memory: Memory, means: Means): Promise<void> {
  const { device, authority } = means;
  // Everything else first: a challenge is good for a minute.
  if (!(await device.tokens()).includes(tokenOf(profile.scope))) {
    throw new StepFailed(failure("token_missing", "ask_admin", { pause: 3600 }));
  }
  const email = profile.scope === "user" ? (await device.email()).toLowerCase() : null;
  if (email === "") throw new StepFailed(failure("no_user", "ask_admin", { pause: 3600 }));
  await means.roots(false);
  const challenge = await authority.challenge(profile.name);
  const response = await device.challengeKey(profile.scope, profile.key, challenge);
  memory.pending = { step: "answered", response: toBase64(response), email, at: means.now() };
  memory.tries.same = 0;
  await means.save();
}

async function fetchCertificate(profile: ProfileSetting, memory: Memory, means: Means): Promise<void> {
  if (memory.pending?.step !== "answered") return;
  const { response, email } = memory.pending;
  const answer = await means.authority.certificate(profile.name, response, email);
  memory.pending = { step: "issued", answer, at: means.now() };
  memory.tries.same = 0;
  await means.save();
}

async function install(profile: ProfileSetting, memory: Memory, means: Means): Promise<void> {
  if (memory.pending?.step !== "issued") return;
  const { answer } = memory.pending;
  const { leaf, chain } = await checked(answer, means);
  await means.device.importCertificate(tokenOf(profile.scope), leaf.der);
  await means.rememberIssuers(chain);
  const issuer = chain[0] ? await issuerId(chain[0]) : "";
  const before = memory.current?.serial;
  if (before !== undefined && before !== leaf.serial) memory.former.push(before);
  memory.current = currentOf(leaf, issuer, answer.renewAfter, answer.attempt);
  memory.renewAfter = { serial: leaf.serial, at: answer.renewAfter, attempt: answer.attempt };
  memory.pending = null;
  memory.trouble = null;
  memory.tries = { same: 0, restarts: 0 };
  memory.consent = false;
  await means.save();
}

/** The certificate of an answer, after a look at its issuer and its dates. */
async function checked(
  answer: IssuedAnswer,
  means: Means,
): Promise<{ leaf: Certificate; chain: Certificate[] }> {
  let leaf: Certificate;
  let chain: Certificate[];
  try {
    leaf = readCertificate(fromBase64(answer.certificate));
    chain = answer.chain.map((der) => readCertificate(fromBase64(der)));
  } catch {
    throw new StepFailed(failure("certificate_unreadable", "ask_admin"));
  }
  const accepted = async (doubted: boolean) => leadsTo(await means.roots(doubted), leaf, chain);
  if (!(await accepted(false)) && !(await accepted(true))) {
    // Kept: once the roots are set right, the same certificate can still be installed.
    throw new StepFailed(
      failure("wrong_issuer", "ask_admin", {
        pause: 3600,
        keep: leaf.notAfter > means.now(),
        attempt: answer.attempt,
      }),
    );
  }
  const now = means.now();
  if (leaf.notAfter <= now) throw new StepFailed(failure("certificate_too_late", "restart"));
  return { leaf, chain };
}

/** What the memory keeps of the certificate that serves. */
export function currentOf(
  leaf: Certificate,
  issuer: string,
  renewAt: number,
  attempt: string | null,
): Current {
  return {
    issuer,
    serial: leaf.serial,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    renewAt,
    attempt,
  };
}
