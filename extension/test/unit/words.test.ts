// Every failure has words, in every language, and every word has a use.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CHROMEOS_ERRORS } from "../../src/chromeos.js";
import { explain, OWN, PROBLEMS } from "../../src/explanation.js";
import { root } from "./support/folder.js";

type Messages = Record<string, { message: string }>;
const locale = (language: string): Messages =>
  JSON.parse(readFileSync(join(root, "_locales", language, "messages.json"), "utf8"));
const languages = readdirSync(join(root, "_locales"));
const english = locale("en");

test("every documented problem code is explained, and no other", () => {
  const page = readFileSync(join(root, "..", "docs", "problems.md"), "utf8");
  const documented = Array.from(page.matchAll(/^\| `([a-z_]+)` \| \d{3} \|/gm), (row) => row[1]).sort();
  assert.ok(documented.length > 40);
  assert.deepEqual(Object.keys(PROBLEMS).sort(), documented);
});

test("every error text of ChromeOS that is known leads to an explanation", () => {
  for (const [text, { code }] of Object.entries(CHROMEOS_ERRORS)) assert.ok(OWN[code], `${text}: ${code}`);
});

test("every explanation has a reason and a remedy in every language", () => {
  const codes = [...Object.keys(PROBLEMS), ...Object.keys(OWN), "a_code_of_tomorrow"];
  for (const code of codes) {
    for (const scope of ["user", "machine"] as const) {
      const { text } = explain(code, scope);
      for (const language of languages) {
        const messages = locale(language);
        for (const key of [`why_${text}`, `remedy_${text}`])
          assert.ok(messages[key]?.message, `${language}: ${key}`);
      }
    }
  }
});

test("all languages have the same keys, with the same places to fill in", () => {
  const places = (text = "") => Array.from(text.matchAll(/\$\d/g), String).sort();
  for (const language of languages) {
    const messages = locale(language);
    assert.deepEqual(Object.keys(messages), Object.keys(english), language);
    for (const [key, { message }] of Object.entries(messages)) {
      assert.deepEqual(places(message), places(english[key]?.message), `${language}: ${key}`);
      assert.notEqual(message.trim(), "");
    }
  }
});

test("every key is used, and every key that is used is there", () => {
  const sources = ["src", "src/status"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /\.(ts|html)$/.test(name))
      .map((name) => readFileSync(join(root, folder, name), "utf8")),
  );
  const text = [...sources, readFileSync(join(root, "manifest.json"), "utf8")].join("\n");
  const made = /^(why|remedy|scope|state)_/;
  for (const key of Object.keys(english)) {
    if (!made.test(key)) assert.match(text, new RegExp(`["_]${key}["_]`), key);
  }
  const explained = new Set(
    ["user", "machine"].flatMap((scope) =>
      [...Object.keys(PROBLEMS), ...Object.keys(OWN), "new"].map(
        (code) => explain(code, scope as "user").text,
      ),
    ),
  );
  for (const key of Object.keys(english).filter((name) => /^(why|remedy)_/.test(name))) {
    assert.ok(explained.has(key.replace(/^(why|remedy)_/, "")), key);
  }
  const used = Array.from(
    text.matchAll(/\bt\("([a-z_]+)"|data-text="([a-z_]+)"/g),
    (found) => found[1] ?? found[2],
  );
  for (const key of used) assert.ok(english[key ?? ""], key);
});

test("what a person reads is words, not codes", () => {
  for (const language of languages) {
    for (const [key, { message }] of Object.entries(locale(language))) {
      if (!/^(why|remedy)_/.test(key)) continue;
      assert.doesNotMatch(
        message,
        /CORS|HTTP|SPKAC|TPM|JSON|proto|attest|challenge|null/i,
        `${language}: ${key}`,
      );
      assert.ok(message.length < 260, `${language}: ${key} is long`);
    }
  }
});

test("text and ground differ enough, in the light and in the dark", () => {
  const css = readFileSync(join(root, "src", "status", "status.css"), "utf8");
  const blocks = Array.from(css.matchAll(/:root \{([^}]*)\}/g), (block) => block[1] ?? "");
  assert.equal(blocks.length, 2);
  const luminance = (colour: string) => {
    const parts = [1, 3, 5]
      .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0]! + 0.7152 * parts[1]! + 0.0722 * parts[2]!;
  };
  for (const block of blocks) {
    const colour = (name: string) =>
      new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(block)?.[1] ?? assert.fail(name);
    const pairs = [
      ...["ink", "quiet", "accent", "good", "working", "waiting", "bad", "asking"].map((name) => [
        name,
        "paper",
      ]),
      ["ink", "ground"],
      ["quiet", "ground"],
      ["ink", "note"],
      ["on-accent", "accent"],
    ] as [string, string][];
    for (const [text, ground] of pairs) {
      const [light, dark] = [luminance(colour(text)), luminance(colour(ground))].sort((a, b) => b - a) as [
        number,
        number,
      ];
      const contrast = (light + 0.05) / (dark + 0.05);
      // WCAG 2.2, 1.4.3: 4.5 to 1 for text of any size.
      assert.ok(contrast >= 4.5, `${text} on ${ground}: ${contrast.toFixed(2)}`);
    }
  }
});
