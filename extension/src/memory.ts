// What outlives the service worker. Chrome ends a worker when it likes, so every step of an enrolment
// that cannot be repeated is written down before the next one begins.

import type { Scope } from "./configuration.js";

/** A step that did not work, and when the next try is due. Times are milliseconds by the service's clock. */
export interface Trouble {
  /** A problem code of the service, or a word of {@link file://./explanation.ts}. */
  code: string;
  /** The service's or ChromeOS's own words; shown small, and where we have none of our own. */
  detail: string | null;
  /** The id that a help desk can look up. */
  attempt: string | null;
  /** What an operator finds in the log where there is no attempt. */
  requestId: string | null;
  at: number;
  /** Since when it has been this trouble. */
  since: number;
  /** Whether it is a refusal, which does not pass by itself. */
  refusal: boolean;
  /** `null`: not before the configuration changes, the extension is updated, or a person asks. */
  retryAt: number | null;
  /** Whether the service named the time: then nobody may be quicker. */
  fixed: boolean;
}

/** An enrolment between two steps. */
export type Pending =
  /** ChromeOS answered and gave the key away: these bytes alone can still have a certificate. */
  | { step: "answered"; response: string; email: string | null; at: number }
  /** The certificate is there and not in the token yet. */
  | { step: "issued"; answer: IssuedAnswer; at: number };

/** What is kept of the service's answer; certificates are base64 of DER. */
export interface IssuedAnswer {
  certificate: string;
  chain: string[];
  renewAfter: number;
  attempt: string;
}

/** The certificate that this profile has. */
export interface Current {
  /** The issuer's id and the serial number, as in the addresses of the API. */
  issuer: string;
  serial: string;
  notBefore: number;
  notAfter: number;
  /** When it will be renewed. */
  renewAt: number;
  /** The attempt that it came from, where this extension asked for it. */
  attempt: string | null;
}

/** A moment that was drawn from the window which the service suggested; kept while the window stays. */
export interface Drawn {
  serial: string;
  start: number;
  end: number;
  at: number;
}

/** Everything about one profile. */
export interface Memory {
  pending: Pending | null;
  current: Current | null;
  trouble: Trouble | null;
  /** Failures in a row: with the same bytes, and with new ones. */
  tries: { same: number; restarts: number };
  /** When the first enrolment's answer said to renew, by serial number. */
  renewAfter: { serial: string; at: number; attempt: string } | null;
  drawn: Drawn | null;
  /** Serial numbers that this profile had before, until they have left the token. */
  former: string[];
  /** Whether a person agreed to the next enrolment, where the configuration asks for that. */
  consent: boolean;
  /** Whether a person is being waited for. */
  asking: boolean;
  /** What a person was told last, and when. */
  told: { what: string; at: number } | null;
  /** What this memory is about; another service or scope makes it worthless. */
  about: string;
}

/** A profile of which nothing is known yet. */
export function blank(about: string): Memory {
  return {
    pending: null,
    current: null,
    trouble: null,
    tries: { same: 0, restarts: 0 },
    renewAfter: null,
    drawn: null,
    former: [],
    consent: false,
    asking: false,
    told: null,
    about,
  };
}

/** What the service says of a certificate. Times are milliseconds. */
export interface RenewalInfo {
  /** `null`: the service does not know it. */
  known: {
    profile: string;
    status: "good" | "expired" | "revoked";
    start: number;
    end: number;
    supersededBy: string | null;
  } | null;
  /** When to ask again. */
  nextAt: number;
}

/** Roots that the service publishes, base64 of DER, and whose they are. */
export interface Roots {
  servers: string;
  at: number;
  certificates: string[];
}

/** How far the service's clock is ahead of ours, in milliseconds, when it was last seen. */
export interface ClockReading {
  ahead: number;
  at: number;
}

/** The keys of the store with their values. */
export interface Stored {
  /** Issuing certificates by id, base64 of DER. */
  issuers: Record<string, string>;
  /** Ids of CAs that are not the service's, and when it said so. */
  strangers: Record<string, number>;
  /** Renewal info by `issuer/serial`, for the certificates of each token. */
  "infos/user": Record<string, RenewalInfo>;
  "infos/system": Record<string, RenewalInfo>;
  roots: Roots;
  clock: ClockReading;
  /** When all profiles were last looked at, by our clock. */
  checked: number;
  journal: string[];
  /** Version and configuration of the last look. */
  seen: string;
  [profile: `profile/${string}`]: Memory;
}

/** Where the memory lies; `chrome.storage.local` in the browser. */
export interface Store {
  read<Key extends keyof Stored & string>(key: Key): Promise<Stored[Key] | undefined>;
  write<Key extends keyof Stored & string>(key: Key, value: Stored[Key]): Promise<void>;
}

/** `chrome.storage.local`, which also wakes the status page when something changes. */
export const browserStore: Store = {
  async read(key) {
    return (await chrome.storage.local.get(key))[key] as never;
  },
  async write(key, value) {
    await chrome.storage.local.set({ [key]: value });
  },
};

/** The token that holds the keys of a scope. */
export function tokenOf(scope: Scope): "user" | "system" {
  return scope === "user" ? "user" : "system";
}
