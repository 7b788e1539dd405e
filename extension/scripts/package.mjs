// Makes the package: target/extension/vaca-extension-VERSION.zip.

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { build, output } from "./build.mjs";
import { zip } from "./zip.mjs";

const folder = join(output, "package");
await build(folder);
const { version } = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"));
const files = {};
for (const path of await list(folder)) {
  files[relative(folder, path).split(sep).join("/")] = await readFile(path);
}
const bytes = zip(files);
const file = join(output, `vaca-extension-${version}.zip`);
await writeFile(file, bytes);
console.log(`${file}: ${bytes.length} bytes, SHA-256 ${createHash("sha256").update(bytes).digest("hex")}`);

async function list(of) {
  const entries = await readdir(of, { withFileTypes: true });
  const lists = entries.map((entry) => {
    const path = join(of, entry.name);
    return entry.isDirectory() ? list(path) : [path];
  });
  return (await Promise.all(lists)).flat();
}
