// A small certificate authority by openssl, for certificates that no reader of ours has made.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Kinds of key, as openssl spells them. */
export type Kind = "P-256" | "P-384" | "P-521" | "rsa:2048";

const ADDRESS = "http://pki.example.com/ca/0123456789abcdef.crt";
const EXTENSIONS = {
  ca: "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
  leaf: [
    "basicConstraints=critical,CA:false",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=clientAuth",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
    `authorityInfoAccess=caIssuers;URI:${ADDRESS}`,
    "",
  ].join("\n"),
};

/** A folder in which openssl works. */
export class OpenSsl {
  private readonly folder = mkdtempSync(join(tmpdir(), "vaca-unit-"));

  run(...args: string[]): string {
    return execFileSync("openssl", args, {
      cwd: this.folder,
      encoding: "utf8",
      stdio: "pipe",
      timeout: 20_000,
    });
  }

  /** Makes a key and its certificate, signed by another's key or its own; DER. */
  certificate(
    name: string,
    {
      kind = "P-256",
      signer = name,
      role = "leaf",
      digest = "sha256",
      address = ADDRESS,
    }: { kind?: Kind; signer?: string; role?: "ca" | "leaf"; digest?: string; address?: string } = {},
  ): Uint8Array<ArrayBuffer> {
    const key =
      kind === "rsa:2048"
        ? ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        : ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${kind}`];
    this.run("genpkey", ...key, "-out", `${name}.key`);
    writeFileSync(join(this.folder, "extensions"), EXTENSIONS[role].replace(ADDRESS, address));
    this.run("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    const by =
      signer === name
        ? ["-signkey", `${name}.key`]
        : ["-CA", `${signer}.pem`, "-CAkey", `${signer}.key`, "-CAcreateserial"];
    this.run(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...by,
      `-${digest}`,
      "-days",
      "30",
      "-extfile",
      "extensions",
      "-out",
      `${name}.pem`,
    );
    this.run("x509", "-in", `${name}.pem`, "-outform", "der", "-out", `${name}.der`);
    return new Uint8Array(readFileSync(join(this.folder, `${name}.der`)));
  }

  pem(name: string): string {
    return readFileSync(join(this.folder, `${name}.pem`), "utf8");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
