import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { KEYS, readConfiguration } from "../../src/configuration.js";
import { root } from "./support/folder.js";

const GOOD = {
  servers: ["https://vaca.example.com:8443"],
  profiles: [{ name: "wifi-user", scope: "user" }],
};

function mistakes(managed: Record<string, unknown>): string[] {
  return readConfiguration(managed).mistakes.map((mistake) => mistake.message);
}

test("the least configuration, and what it means", () => {
  const { configuration } = readConfiguration(GOOD);
  assert.deepEqual(configuration, {
    servers: ["https://vaca.example.com:8443"],
    profiles: [{ name: "wifi-user", scope: "user", key: "ECDSA", label: "wifi-user" }],
    roots: [],
    interaction: "notify",
    helpText: "",
    helpUrl: null,
    contact: "",
    logLevel: "info",
  });
});

test("the Admin console's form means the same", () => {
  const wrapped = Object.fromEntries(Object.entries(GOOD).map(([key, Value]) => [key, { Value }]));
  assert.deepEqual(readConfiguration(wrapped), readConfiguration(GOOD));
});

test("everything that can be set", () => {
  const { configuration } = readConfiguration({
    servers: ["https://a.example.com/", "https://b.example.com"],
    profiles: [{ name: "wifi-device", scope: "machine", key: "RSA", label: "Wi-Fi" }],
    roots_sha256: [`AB:${"cd".repeat(31)}`],
    interaction: "ask",
    help_text: "Room 12",
    help_url: "mailto:help@example.com",
    contact: "555 0100",
    log_level: "debug",
  });
  assert.deepEqual(configuration?.servers, ["https://a.example.com", "https://b.example.com"]);
  assert.deepEqual(configuration?.roots, [`ab${"cd".repeat(31)}`]);
  assert.equal(configuration?.profiles[0]?.key, "RSA");
  assert.equal(configuration?.helpUrl, "mailto:help@example.com");
});

const WRONG: [string, Record<string, unknown>, string][] = [
  ["nothing at all", {}, "config_empty"],
  ["a key that does not exist", { ...GOOD, server: "x" }, "config_unknown_key"],
  ["no address", { ...GOOD, servers: [] }, "config_servers_count"],
  [
    "too many addresses",
    { ...GOOD, servers: Array(5).fill("https://a.example.com") },
    "config_servers_count",
  ],
  ["an address as a text", { ...GOOD, servers: "https://a.example.com" }, "config_list"],
  ["plain HTTP", { ...GOOD, servers: ["http://vaca.example.com"] }, "config_server_address"],
  ["an address with a path", { ...GOOD, servers: ["https://vaca.example.com/v1"] }, "config_server_address"],
  [
    "an address with a password",
    { ...GOOD, servers: ["https://a:b@vaca.example.com"] },
    "config_server_address",
  ],
  ["no address but a word", { ...GOOD, servers: ["vaca"] }, "config_server_address"],
  ["no profile", { ...GOOD, profiles: [] }, "config_profiles_count"],
  ["a profile without a name", { ...GOOD, profiles: [{ scope: "user" }] }, "config_profile_name"],
  [
    "a profile with a name that none has",
    { ...GOOD, profiles: [{ name: "Wi Fi", scope: "user" }] },
    "config_profile_name",
  ],
  ["a profile without a scope", { ...GOOD, profiles: [{ name: "a" }] }, "config_profile_scope"],
  [
    "a profile of another scope",
    { ...GOOD, profiles: [{ name: "a", scope: "USER" }] },
    "config_profile_scope",
  ],
  [
    "a profile of another kind of key",
    { ...GOOD, profiles: [{ name: "a", scope: "user", key: "Ed25519" }] },
    "config_profile_key",
  ],
  [
    "a profile with a key that does not exist",
    { ...GOOD, profiles: [{ name: "a", scope: "user", ca: "x" }] },
    "config_unknown_key",
  ],
  [
    "a profile twice",
    {
      ...GOOD,
      profiles: [
        { name: "a", scope: "user" },
        { name: "a", scope: "machine" },
      ],
    },
    "config_profile_twice",
  ],
  ["a fingerprint that is none", { ...GOOD, roots_sha256: ["abc"] }, "config_root"],
  ["another way to speak to people", { ...GOOD, interaction: "loud" }, "config_word"],
  ["a script for help", { ...GOOD, help_url: "javascript:alert(1)" }, "config_help_url"],
  ["a number for a text", { ...GOOD, contact: 5550100 }, "config_text"],
  ["a book for a text", { ...GOOD, help_text: "x".repeat(1001) }, "config_text"],
];

for (const [what, managed, message] of WRONG) {
  test(`a configuration with ${what} is explained`, () => {
    assert.ok(mistakes(managed).includes(message), mistakes(managed).join(", "));
    assert.equal(readConfiguration(managed).configuration, null);
  });
}

test("the schema lets the same keys through, and only judges types", () => {
  const schema = JSON.parse(readFileSync(join(root, "managed_schema.json"), "utf8"));
  assert.deepEqual(Object.keys(schema.properties).sort(), [...KEYS].sort());
  // What a schema refuses is dropped in silence; here it is explained.
  assert.doesNotMatch(JSON.stringify(schema), /"(enum|pattern|required|minItems)"/);
});
