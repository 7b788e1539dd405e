// What ChromeOS does for us: keys, tokens, and who is signed in.

import type { KeyAlgorithm, Scope } from "./configuration.js";
import { failure, StepFailed, type Failure } from "./failure.js";

/** A Chromebook, as far as an extension reaches it. Failures are {@link StepFailed}. */
export interface Device {
  /** The tokens of this session: `user`, and `system` where the session is affiliated. */
  tokens(): Promise<string[]>;
  /** The certificates of a token, DER. */
  certificates(token: string): Promise<Uint8Array<ArrayBuffer>[]>;
  /** Answers a challenge and registers the key that it is answered with. */
  challengeKey(
    scope: Scope,
    key: KeyAlgorithm,
    challenge: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Stores a certificate beside its key; proves that the key is there. */
  importCertificate(token: string, der: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Removes a certificate. */
  removeCertificate(token: string, der: Uint8Array<ArrayBuffer>): Promise<void>;
  /** The signed-in user's address; empty where there is none. */
  email(): Promise<string>;
}

/** `chrome.enterprise.platformKeys` and `chrome.identity`. */
export const chromebook: Device = {
  async tokens() {
    const tokens = await called(() => platformKeys().getTokens(), KEEP);
    return tokens.map((token) => token.id);
  },
  async certificates(token) {
    const certificates = await called(() => platformKeys().getCertificates(token), KEEP);
    return certificates.map((der) => new Uint8Array(der));
  },
  async challengeKey(scope, key, challenge) {
    const options = {
      scope: scope === "user" ? "USER" : "MACHINE",
      challenge: challenge.buffer,
      registerKey: { algorithm: key },
    } as const;
    return new Uint8Array(await called(() => platformKeys().challengeKey(options as never), AGAIN));
  },
  async importCertificate(token, der) {
    await called(() => platformKeys().importCertificate(token, der.buffer), KEEP);
  },
  async removeCertificate(token, der) {
    await called(() => platformKeys().removeCertificate(token, der.buffer), KEEP);
  },
  async email() {
    // ANY: on ChromeOS an account need not be syncing.
    const details = { accountStatus: "ANY" } as chrome.identity.ProfileDetails;
    return (await called(() => chrome.identity.getProfileUserInfo(details), KEEP)).email;
  },
};

/** Exists on ChromeOS alone, and there for extensions that policy installed. */
function platformKeys(): typeof chrome.enterprise.platformKeys {
  const keys = (chrome as Partial<typeof chrome>).enterprise?.platformKeys;
  if (!keys) throw new StepFailed(failure("not_chromeos", "ask_admin"));
  return keys;
}

/** What an unknown error means depends on the call: only `challengeKey` loses something for good. */
async function called<T>(call: () => Promise<T>, otherwise: Rule): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof StepFailed) throw error;
    throw new StepFailed(failureOf(error instanceof Error ? error.message : String(error), otherwise));
  }
}

const HOUR = 3600;

/** What follows from an error. */
type Rule = Partial<Failure>;

/** An hour is about how long policies take to arrive. */
const POLICY = { action: "ask_admin", pause: HOUR } as const;
/** The response is lost, and with it the key: begin again, later and later. */
const AGAIN = { action: "restart", pause: 30 } as const;
/** The certificate is good and waits for the token. */
const KEEP = { action: "ask_admin", pause: 10 * 60, keep: true } as const;

/** ChromeOS's own words, which it promises not to change, and what we call them. */
export const CHROMEOS_ERRORS: Record<string, Partial<Failure> & { code: string }> = {
  "The extension does not have permission to call this function.": {
    code: "extension_not_allowed",
    ...POLICY,
  },
  "The device is not enterprise enrolled.": { code: "device_not_enrolled", ...POLICY },
  // Whatever the words say, this is about affiliation: user and device of one organisation.
  "The user account is not enterprise managed.": { code: "user_not_affiliated", ...POLICY },
  "User keys cannot be challenged in this profile.": { code: "no_user_keys_here", ...POLICY },
  "Remote attestation is not enabled for your device.": { code: "attestation_off", ...POLICY },
  "Remote attestation is not enabled for your account.": { code: "attestation_off", ...POLICY },
  "Failed to sign the challenge.": { code: "challenge_not_signed", ...AGAIN },
  "Key registration failed.": { code: "key_not_registered", ...AGAIN },
  "Failed to get public key.": { code: "public_key_missing", ...AGAIN },
  "Failed to mark key as corporate.": { code: "key_not_marked", ...AGAIN },
  "Failed to upload machine certificate.": { code: "machine_certificate_not_uploaded", ...AGAIN },
  "OS platform service internal error.": { code: "chromeos_internal_error", ...AGAIN },
  "Failed to get Enterprise certificate. Error code = 1": { code: "attestation_service_silent", ...AGAIN },
  "Failed to get Enterprise certificate. Error code = 2": { code: "attestation_refused", ...POLICY },
  "Failed to get Enterprise certificate. Error code = 3": { code: "attestation_ca_failed", ...AGAIN },
  "Failed to get Enterprise certificate. Error code = 4": { code: "attestation_reset_needed", ...POLICY },
  "Failed to get Enterprise certificate. Error code = 5": { code: "attestation_unsupported", ...POLICY },
  "Verified Access flow type is not supported on ChromeOS.": { code: "flow_unsupported", ...POLICY },
  "Key not found.": { code: "key_not_found", ...AGAIN },
  "Certificate is not a valid X.509 certificate.": { code: "certificate_unreadable", action: "ask_admin" },
  "net::ERR_CERT_INVALID": { code: "certificate_unreadable", action: "ask_admin" },
  "net::ERR_CERT_DATE_INVALID": { code: "clock_wrong", ...KEEP },
  "net::ERR_ADD_USER_CERT_FAILED": { code: "certificate_not_stored", ...KEEP },
  "The token is not valid.": { code: "token_missing", ...KEEP },
};

/** The failure behind an error text; one that is new to us is shown as it is. */
export function failureOf(text: string, otherwise: Rule = AGAIN): Failure {
  const known = CHROMEOS_ERRORS[text.trim()] ?? { code: "chromeos_other", ...otherwise };
  const { code, action = "restart", ...more } = known;
  return failure(code, action, { keep: false, ...more, detail: text });
}
