// What the administrator decided, in Google's Admin console. Chrome hands it out as managed storage;
// managed_schema.json says which types Chrome lets through. Everything else is judged here, because
// Chrome drops what does not fit its schema without a word, and the status page should have the word.

/** Whose key a profile certifies, as the API calls it. */
export type Scope = "user" | "machine";

/** The kind of key to make. */
export type KeyAlgorithm = "ECDSA" | "RSA";

/** When people are spoken to: never, where they can do something, or before each enrolment too. */
export type Interaction = "silent" | "notify" | "ask";

/** How much the journal keeps. */
export type LogLevel = "error" | "info" | "debug";

/** One certificate that this device or user should have. */
export interface ProfileSetting {
  /** Its name at the service. */
  name: string;
  scope: Scope;
  key: KeyAlgorithm;
  /** What people call it; the name where nothing else was said. */
  label: string;
}

/** A configuration that can be worked with. */
export interface Configuration {
  /** Addresses of the service, without a trailing slash: all of one CA, asked in this order. */
  servers: string[];
  profiles: ProfileSetting[];
  /** SHA-256 of the roots to accept, lower-case hexadecimal; empty: those that the service publishes. */
  roots: string[];
  interaction: Interaction;
  /** Where to get help, in the administrator's words. */
  helpText: string;
  helpUrl: string | null;
  contact: string;
  logLevel: LogLevel;
}

/** What is wrong with a configuration: a message key of _locales and what to put into it. */
export interface Mistake {
  message: string;
  substitutions: string[];
}

/** Either a configuration, or what is wrong with it. */
export type Reading =
  { configuration: Configuration; mistakes: [] } | { configuration: null; mistakes: Mistake[] };

/** The keys of managed storage; managed_schema.json lists the same ones. */
export const KEYS = [
  "servers",
  "profiles",
  "roots_sha256",
  "interaction",
  "help_text",
  "help_url",
  "contact",
  "log_level",
] as const;

const PROFILE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const MAX_SERVERS = 4;
const MAX_PROFILES = 16;
const MAX_TEXT = 1000;

/** Judges what managed storage holds; nothing at all is `null` with one mistake of its own. */
export function readConfiguration(managed: Record<string, unknown>): Reading {
  const values = unwrapped(managed);
  if (Object.keys(values).length === 0) {
    return { configuration: null, mistakes: [{ message: "config_empty", substitutions: [] }] };
  }
  const reader = new SettingReader(values);
  const configuration: Configuration = {
    servers: reader.servers(),
    profiles: reader.profiles(),
    roots: reader.roots(),
    interaction: reader.word("interaction", ["silent", "notify", "ask"], "notify"),
    helpText: reader.text("help_text"),
    helpUrl: reader.helpUrl(),
    contact: reader.text("contact"),
    logLevel: reader.word("log_level", ["error", "info", "debug"], "info"),
  };
  const { mistakes } = reader;
  return mistakes.length === 0 ? { configuration, mistakes: [] } : { configuration: null, mistakes };
}

/**
 * The Admin console takes `{"key": {"Value": ...}}` and hands out `{"key": ...}`. Who pastes the same
 * text elsewhere, into a policy file for instance, means the same.
 */
function unwrapped(managed: Record<string, unknown>): Record<string, unknown> {
  const plain = Object.entries(managed).map(([key, value]) => {
    const wrapped = isObject(value) && Object.keys(value).length === 1 && "Value" in value;
    return [key, wrapped ? value["Value"] : value];
  });
  return Object.fromEntries(plain);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class SettingReader {
  mistakes: Mistake[] = [];

  constructor(private readonly values: Record<string, unknown>) {
    const known: readonly string[] = KEYS;
    for (const key of Object.keys(values)) {
      if (!known.includes(key)) this.#mistake("config_unknown_key", key);
    }
  }

  #mistake(message: string, ...substitutions: string[]): void {
    this.mistakes.push({ message, substitutions });
  }

  servers(): string[] {
    const list = this.#list("servers");
    if (list.length === 0 || list.length > MAX_SERVERS)
      this.#mistake("config_servers_count", String(MAX_SERVERS));
    return list.map((value) => this.#address("servers", value)).filter((url) => url !== null);
  }

  /** Without a path: the API's routes are fixed. Without credentials: there are none. */
  #address(key: string, value: unknown): string | null {
    const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : null;
    if (
      url === null ||
      url.protocol !== "https:" ||
      url.username ||
      url.password ||
      url.pathname !== "/" ||
      url.search ||
      url.hash
    ) {
      this.#mistake("config_server_address", key, String(value));
      return null;
    }
    return url.origin;
  }

  profiles(): ProfileSetting[] {
    const list = this.#list("profiles");
    if (list.length === 0 || list.length > MAX_PROFILES) {
      this.#mistake("config_profiles_count", String(MAX_PROFILES));
    }
    const profiles = list.map((value) => this.#profile(value)).filter((profile) => profile !== null);
    const names = profiles.map((profile) => profile.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) this.#mistake("config_profile_twice", twice);
    return profiles;
  }

  #profile(value: unknown): ProfileSetting | null {
    if (!isObject(value) || typeof value["name"] !== "string" || !PROFILE_NAME.test(value["name"])) {
      this.#mistake("config_profile_name", JSON.stringify(value) ?? "");
      return null;
    }
    const { name, scope, key = "ECDSA", label = name, ...others } = value;
    const unknown = Object.keys(others)[0];
    if (unknown !== undefined) this.#mistake("config_unknown_key", `${name}.${unknown}`);
    if (scope !== "user" && scope !== "machine") {
      this.#mistake("config_profile_scope", String(name));
      return null;
    }
    if (key !== "ECDSA" && key !== "RSA") {
      this.#mistake("config_profile_key", String(name));
      return null;
    }
    if (typeof label !== "string" || label.length > MAX_TEXT) {
      this.#mistake("config_text", `${name}.label`);
      return null;
    }
    return { name: String(name), scope, key, label: label || String(name) };
  }

  roots(): string[] {
    const digests = this.#list("roots_sha256").map((value) => {
      const digest = String(value).toLowerCase().replaceAll(":", "");
      if (!/^[0-9a-f]{64}$/.test(digest)) this.#mistake("config_root", String(value));
      return digest;
    });
    return digests;
  }

  helpUrl(): string | null {
    const text = this.text("help_url");
    if (text === "") return null;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !["https:", "mailto:"].includes(url.protocol)) {
      this.#mistake("config_help_url", text);
      return null;
    }
    return url.href;
  }

  text(key: string): string {
    const value = this.values[key] ?? "";
    if (typeof value === "string" && value.length <= MAX_TEXT) return value;
    this.#mistake("config_text", key);
    return "";
  }

  word<Word extends string>(key: string, words: readonly Word[], otherwise: Word): Word {
    const value = this.values[key] ?? otherwise;
    const word = words.find((known) => known === value);
    if (word === undefined) this.#mistake("config_word", key, words.join(", "));
    return word ?? otherwise;
  }

  #list(key: string): unknown[] {
    const value = this.values[key] ?? [];
    if (Array.isArray(value)) return value;
    this.#mistake("config_list", key);
    return [];
  }
}
