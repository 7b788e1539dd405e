// The package as it is shipped: what is in it, and above all what is not.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { root } from "./support/folder.js";

const target = join(root, "..", "target", "extension");
let packed: Buffer;
let files: Record<string, Buffer>;
let inputs: string[];
const text = (name: string) => files[name]?.toString("utf8") ?? assert.fail(`no ${name}`);

before(async () => {
  const script = (name: string) => import(pathToFileURL(join(root, "scripts", name)).href);
  const make = () => {
    execFileSync(process.execPath, ["scripts/package.mjs"], { cwd: root, stdio: "pipe", timeout: 30_000 });
    const { version } = JSON.parse(readFileSync(join(root, "manifest.json"), "utf8"));
    return readFileSync(join(target, `vaca-extension-${version}.zip`));
  };
  packed = make();
  assert.deepEqual(make(), packed, "the same sources make the same bytes");
  files = (await script("zip.mjs")).unzip(packed);
  inputs = await (await script("build.mjs")).build(join(target, "inspected"));
});

test("the package holds these files and no other", () => {
  assert.deepEqual(Object.keys(files), [
    "_locales/de/messages.json",
    "_locales/en/messages.json",
    "icons/128.png",
    "icons/16.png",
    "icons/32.png",
    "icons/48.png",
    "managed_schema.json",
    "manifest.json",
    "status/status.css",
    "status/status.html",
    "status/status.js",
    "worker.js",
  ]);
});

test("others can unpack it", () => {
  const python =
    "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print('\\n'.join(z.namelist()))";
  const { version } = JSON.parse(text("manifest.json"));
  const names = execFileSync("python3", ["-c", python, join(target, `vaca-extension-${version}.zip`)], {
    encoding: "utf8",
  });
  assert.deepEqual(names.trim().split("\n"), Object.keys(files));
});

test("the scripts come from src/ alone: no dependency, nothing of the tests", () => {
  assert.ok(inputs.length > 15);
  for (const input of inputs) assert.match(input, /^src\//);
  for (const script of ["worker.js", "status/status.js"]) {
    assert.doesNotMatch(
      text(script),
      /test-build|test\.json|virtual|127\.0\.0\.1|localhost|\/chromebook\/v1/i,
      script,
    );
  }
});

test("the manifest is the one that was reviewed", () => {
  assert.deepEqual(
    JSON.parse(text("manifest.json")),
    JSON.parse(readFileSync(join(root, "manifest.json"), "utf8")),
  );
});

test("the permissions are these, and README.md says what each is for", () => {
  const manifest = JSON.parse(text("manifest.json"));
  const readme = readFileSync(join(root, "README.md"), "utf8");
  assert.deepEqual(manifest.permissions, [
    "alarms",
    "enterprise.platformKeys",
    "identity",
    "identity.email",
    "notifications",
    "storage",
  ]);
  for (const permission of manifest.permissions)
    assert.ok(readme.includes(`| \`${permission}\` |`), permission);
  for (const key of [
    "host_permissions",
    "optional_permissions",
    "optional_host_permissions",
    "content_scripts",
    "externally_connectable",
    "web_accessible_resources",
    "key",
    "update_url",
    "oauth2",
  ]) {
    assert.equal(manifest[key], undefined, key);
  }
});

test("no code from elsewhere, none made from text, none in the page", () => {
  const policy: string = JSON.parse(text("manifest.json")).content_security_policy.extension_pages;
  assert.match(policy, /^default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|data:|blob:|\*|http:/);
  for (const script of ["worker.js", "status/status.js"]) {
    assert.doesNotMatch(
      text(script),
      /\beval\(|new Function|\bimport\(|importScripts|innerHTML|outerHTML|insertAdjacentHTML|document\.write/,
      script,
    );
    assert.doesNotMatch(text(script), /https?:\/\//, script);
  }
  const page = text("status/status.html");
  assert.deepEqual(Array.from(page.matchAll(/<script[^>]*>[^<]*/g), String), [
    '<script type="module" src="status.js">',
  ]);
  assert.doesNotMatch(page, /\son[a-z]+=|<style|style=|javascript:/);
});

test("no dependency at run time", () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
});

test("the lock file names no registry", () => {
  assert.doesNotMatch(
    readFileSync(join(root, "package-lock.json"), "utf8"),
    /"resolved"|https?:\/\/(?!(www\.)?(github\.com|opencollective\.com|paypal))/,
  );
});

test("version and package agree", () => {
  const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
  assert.equal(JSON.parse(text("manifest.json")).version, version);
});
