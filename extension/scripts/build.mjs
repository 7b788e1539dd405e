// Builds the extension into a folder that Chrome can load.

import { build as bundle } from "esbuild";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder `extension/`. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Where all that is built goes: nothing of it is committed. */
export const output = join(dirname(root), "target", "extension");

/** What is taken as it is: from, to. */
const COPIED = [
  ["_locales/de/messages.json", "_locales/de/messages.json"],
  ["_locales/en/messages.json", "_locales/en/messages.json"],
  ["icons/16.png", "icons/16.png"],
  ["icons/32.png", "icons/32.png"],
  ["icons/48.png", "icons/48.png"],
  ["icons/128.png", "icons/128.png"],
  ["managed_schema.json", "managed_schema.json"],
  ["src/status/status.css", "status/status.css"],
  ["src/status/status.html", "status/status.html"],
];

/**
 * Builds into `folder`, which is emptied first. Tests give another worker and change the manifest.
 * Returns the files that went into the scripts, relative to `extension/`.
 */
export async function build(folder, { worker = "src/worker.ts", alter = (manifest) => manifest } = {}) {
  await rm(folder, { recursive: true, force: true });
  const bundled = await bundle({
    absWorkingDir: root,
    entryPoints: { worker, "status/status": "src/status/status.ts" },
    outdir: folder,
    bundle: true,
    format: "esm",
    target: "chrome131",
    charset: "utf8",
    // Readable on purpose: whoever deploys it can read what it does.
    minify: false,
    metafile: true,
  });
  for (const [from, to] of COPIED) {
    await mkdir(dirname(join(folder, to)), { recursive: true });
    await cp(join(root, from), join(folder, to));
  }
  const manifest = JSON.parse(await readFile(join(root, "manifest.json"), "utf8"));
  await writeFile(join(folder, "manifest.json"), `${JSON.stringify(alter(manifest), null, 2)}\n`);
  return Object.keys(bundled.metafile.inputs).sort();
}
