// Which certificates in a token are a profile's, and what the service says of them.

import type { Authority } from "./authority.js";
import { issued, issuerId, leadsTo, readCertificate, type Certificate } from "./certificate.js";
import type { ProfileSetting } from "./configuration.js";
import type { Candidate } from "./decision.js";
import { fromBase64, toBase64 } from "./encoding.js";
import { StepFailed } from "./failure.js";
import type { Drawn, Memory, RenewalInfo } from "./memory.js";

/** Issuing certificates that are remembered; a CA renews its issuer every few years. */
const MAX_ISSUERS = 16;
/** Seconds before a service that was silent is asked again about a certificate. */
const SILENCE = 15 * 60;
/** The share of a life after which a certificate is renewed where nobody said when. */
const DEFAULT_SHARE = 2 / 3;

/** A certificate of the token that one of our service's issuers signed. */
export interface Ours {
  certificate: Certificate;
  /** The issuer's id. */
  issuer: string;
  /** Whether the issuer leads to an accepted root. */
  trusted: boolean;
  info: RenewalInfo | null;
}

/** The issuers that are known, by id; base64 of DER. */
export type Issuers = Record<string, string>;

/** Adds issuing certificates to those that are known; the oldest make room. */
export async function withIssuers(known: Issuers, chain: Certificate[]): Promise<Issuers> {
  const all = { ...known };
  for (const certificate of chain) all[await issuerId(certificate)] = toBase64(certificate.der);
  return Object.fromEntries(Object.entries(all).slice(-MAX_ISSUERS));
}

/**
 * The ids of CAs that certificates name as their issuers' and that we do not know: those of a session
 * that remembers nothing, or of somebody else. A certificate of vaca names the address `/ca/ID.crt`.
 */
export function unknownIssuers(ders: Uint8Array<ArrayBuffer>[], known: string[]): string[] {
  const ids = ders
    .flatMap((der) => attempt(() => readCertificate(der))?.issuerAddresses ?? [])
    .map((address) => /\/ca\/([0-9a-f]{16})\.crt$/.exec(address)?.[1])
    .filter((id) => id !== undefined);
  return Array.from(new Set(ids)).filter((id) => !known.includes(id));
}

/** Finds the certificates of our service in a token; what cannot be read is somebody else's. */
export async function ours(
  ders: Uint8Array<ArrayBuffer>[],
  issuers: Issuers,
  roots: Certificate[] | null,
): Promise<Ours[]> {
  const known = Object.entries(issuers).map(([id, der]) => ({
    id,
    certificate: readCertificate(fromBase64(der)),
  }));
  const found: Ours[] = [];
  for (const der of ders) {
    const certificate = attempt(() => readCertificate(der));
    if (!certificate) continue;
    for (const issuer of known) {
      if (!(await issued(issuer.certificate, certificate))) continue;
      const above = known.map((other) => other.certificate).filter((other) => other !== issuer.certificate);
      const trusted = roots === null || (await climbs(roots, certificate, issuer.certificate, above));
      found.push({ certificate, issuer: issuer.id, trusted, info: null });
      break;
    }
  }
  return found;
}

/** Over one issuer, or over one more that is known. */
async function climbs(
  roots: Certificate[],
  leaf: Certificate,
  issuer: Certificate,
  others: Certificate[],
): Promise<boolean> {
  if (await leadsTo(roots, leaf, [issuer])) return true;
  for (const other of others) {
    if (await leadsTo(roots, leaf, [issuer, other])) return true;
  }
  return false;
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Asks about each certificate whose word is due. A service that is silent now is asked later. */
export async function withInfo(
  found: Ours[],
  infos: Record<string, RenewalInfo>,
  authority: Authority,
  now: number,
): Promise<{ found: Ours[]; infos: Record<string, RenewalInfo>; failed: StepFailed | null }> {
  const fresh: Record<string, RenewalInfo> = {};
  let failed: StepFailed | null = null;
  for (const one of found) {
    const key = `${one.issuer}/${one.certificate.serial}`;
    let info = infos[key] ?? null;
    if (!failed && one.trusted && (info === null || info.nextAt <= now)) {
      try {
        info = await authority.renewalInfo(one.issuer, one.certificate.serial);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        failed = error;
        // Silence is no news, and no reason to ask every few seconds.
        if (info) info = { ...info, nextAt: now + Math.max(error.failure.retryAfter ?? 0, SILENCE) * 1000 };
      }
    }
    if (info) fresh[key] = info;
    one.info = info;
  }
  return { found, infos: fresh, failed };
}

/** Whether a certificate is this profile's: by the service's word, else by our own memory. */
export function belongs(one: Ours, profile: ProfileSetting, memory: Memory): boolean {
  const { serial } = one.certificate;
  const said = one.info?.known?.profile;
  if (said !== undefined) return said === profile.name;
  return memory.current?.serial === serial || memory.former.includes(serial);
}

/** What the decision sees of a certificate, and the moment that was drawn for its renewal. */
export function candidate(
  one: Ours,
  memory: Memory,
  random: () => number,
): { candidate: Candidate; drawn: Drawn | null } {
  const { serial, notBefore, notAfter } = one.certificate;
  const known = one.info?.known ?? null;
  const drawn = known ? draw(serial, known, memory.drawn, random) : null;
  const told = memory.renewAfter?.serial === serial ? memory.renewAfter.at : null;
  return {
    candidate: {
      serial,
      notBefore,
      notAfter,
      trusted: one.trusted,
      status: known?.status ?? null,
      supersededBy: known?.supersededBy ?? null,
      renewAt: drawn?.at ?? told ?? notBefore + (notAfter - notBefore) * DEFAULT_SHARE,
      former: memory.former.includes(serial),
    },
    drawn,
  };
}

/** A window that moved is drawn in anew: that is how a service asks for early renewal. */
function draw(
  serial: string,
  window: { start: number; end: number },
  before: Drawn | null,
  random: () => number,
): Drawn {
  const { start, end } = window;
  if (before?.serial === serial && before.start === start && before.end === end) return before;
  return { serial, start, end, at: start + Math.floor(random() * Math.max(end - start, 0)) };
}
