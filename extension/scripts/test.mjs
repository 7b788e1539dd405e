// Runs the tests of one kind: `unit`, in Node alone, or `e2e`, in Chromium.

import { build } from "esbuild";
import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { output, root } from "./build.mjs";

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
if (kind === "e2e") await rm(join(output, "screenshots"), { recursive: true, force: true });

// A journey waits most of its time: two files at once, each with a world of its own, and its lines together.
const queue = [...files];
let failed = 0;
await Promise.all([next(), next()]);
process.exit(failed === 0 ? 0 : 1);

async function next() {
  for (let file = queue.shift(); file; file = queue.shift()) {
    const { code, said } = await run(file);
    process.stdout.write(said);
    if (code !== 0) failed += 1;
  }
}

function run(file) {
  // Node 18 has WebCrypto, and hides it.
  const hidden = globalThis.crypto ? [] : ["--experimental-global-webcrypto"];
  const args = [
    ...hidden,
    "--enable-source-maps",
    "--test",
    ...(only ? [`--test-name-pattern=${only}`] : []),
    file,
  ];
  const tests = spawn(process.execPath, args, { cwd: root, env: { ...process.env, VACA_EXTENSION: root } });
  const late = setTimeout(() => tests.kill("SIGKILL"), 280_000);
  const parts = [];
  for (const stream of [tests.stdout, tests.stderr]) stream.on("data", (part) => parts.push(part));
  return new Promise((resolve) => {
    tests.on("close", (code) => {
      clearTimeout(late);
      resolve({ code: code ?? 1, said: Buffer.concat(parts) });
    });
  });
}
