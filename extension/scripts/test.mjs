// Runs the tests of one kind: `unit`, in Node alone, or `e2e`, in Chromium.

import { build } from "esbuild";
import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./build.mjs";

const kind = process.argv[2] === "e2e" ? "e2e" : "unit";
const only = process.argv[3];
const names = (await readdir(join(root, "test", kind))).filter((name) => name.endsWith(".test.ts"));
// Below node_modules, because Node looks for packages upwards from where a program lies.
const outdir = join(root, "node_modules", ".tests", kind);
await rm(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: names.map((name) => `test/${kind}/${name}`),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  sourcemap: "inline",
  packages: "external",
});
const files = names.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs")));
const tests = spawn(
  process.execPath,
  ["--enable-source-maps", "--test", ...(only ? [`--test-name-pattern=${only}`] : []), ...files],
  { cwd: root, stdio: "inherit", env: { ...process.env, VACA_EXTENSION: root } },
);
tests.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
