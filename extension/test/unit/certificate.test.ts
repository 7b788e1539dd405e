import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, test } from "node:test";
import { issued, issuerId, leadsTo, readCertificate } from "../../src/certificate.js";
import { MalformedDer, Reader, Tag, oid, time } from "../../src/der.js";
import { certificatesOfPem, fromBase64, toBase64, toHex } from "../../src/encoding.js";
import { OpenSsl, type Kind } from "./support/authority.js";

const openssl = new OpenSsl();
after(() => openssl.remove());

const root = readCertificate(openssl.certificate("root", { role: "ca", kind: "P-384", digest: "sha384" }));
const issuing = readCertificate(
  openssl.certificate("issuing", { role: "ca", signer: "root", digest: "sha384" }),
);
const leafDer = openssl.certificate("leaf", { signer: "issuing" });
const leaf = readCertificate(leafDer);

test("a certificate is read as another reader reads it", () => {
  const other = new X509Certificate(leafDer);
  assert.equal(leaf.serial, other.serialNumber.toLowerCase());
  assert.equal(leaf.notBefore, Date.parse(other.validFrom));
  assert.equal(leaf.notAfter, Date.parse(other.validTo));
  assert.equal(toHex(leaf.spki), toHex(other.publicKey.export({ type: "spki", format: "der" })));
  assert.deepEqual(leaf.issuer, issuing.subject);
  assert.deepEqual(leaf.authorityKeyId, issuing.subjectKeyId);
  assert.deepEqual(leaf.issuerAddresses, ["http://pki.example.com/ca/0123456789abcdef.crt"]);
  assert.equal(leaf.isAuthority, false);
  assert.equal(issuing.isAuthority, true);
});

test("a leaf leads over its issuer to the root, and to no other", async () => {
  const stranger = readCertificate(openssl.certificate("stranger", { role: "ca" }));
  assert.equal(await leadsTo([root], leaf, [issuing]), true);
  assert.equal(await leadsTo([stranger, root], leaf, [issuing]), true);
  assert.equal(await leadsTo([stranger], leaf, [issuing]), false);
  assert.equal(await leadsTo([], leaf, [issuing]), false);
  assert.equal(await leadsTo([root], leaf, []), false);
  assert.equal(await leadsTo([root], leaf, [issuing, issuing]), false);
  assert.equal(await leadsTo([issuing], leaf, []), true);
});

test("the same names with another key sign nothing", async () => {
  const namesake = new OpenSsl();
  const impostor = readCertificate(namesake.certificate("issuing", { role: "ca" }));
  namesake.remove();
  assert.deepEqual(impostor.subject, issuing.subject);
  assert.equal(await issued(impostor, leaf), false);
});

test("a leaf issues nothing", async () => {
  const below = readCertificate(openssl.certificate("below", { signer: "leaf" }));
  assert.equal(await issued(leaf, below), false);
});

for (const kind of ["P-256", "P-384", "P-521", "rsa:2048"] as Kind[]) {
  for (const digest of ["sha256", "sha384", "sha512"]) {
    test(`${kind} with ${digest}`, async () => {
      const name = `${kind}-${digest}`.replace(":", "");
      const authority = readCertificate(openssl.certificate(name, { role: "ca", kind, digest }));
      const signed = openssl.certificate(`${name}-leaf`, { signer: name, digest });
      assert.equal(await issued(authority, readCertificate(signed)), true);
      const changed = signed.slice();
      changed[changed.length - 1]! ^= 1;
      assert.equal(await issued(authority, readCertificate(changed)), false);
    });
  }
}

test("the id of an issuer begins SHA-256 over its key", async () => {
  openssl.run("x509", "-in", "issuing.pem", "-pubkey", "-noout", "-out", "issuing.pub");
  openssl.run("pkey", "-pubin", "-in", "issuing.pub", "-outform", "der", "-out", "issuing.spki");
  const digest = openssl.run("dgst", "-sha256", "-r", "issuing.spki").slice(0, 16);
  assert.equal(await issuerId(issuing), digest);
});

test("whatever is cut off or changed is refused or read, and never anything else", async () => {
  for (let length = 0; length < leafDer.length; length += 1) {
    assert.throws(() => readCertificate(leafDer.slice(0, length)), MalformedDer);
  }
  let signed = 0;
  for (let at = 0; at < leafDer.length; at += 1) {
    const changed = leafDer.slice();
    changed[at]! ^= 1 << (at % 8);
    try {
      signed += (await issued(issuing, readCertificate(changed))) ? 1 : 0;
    } catch (error) {
      assert.ok(error instanceof MalformedDer, String(error));
    }
  }
  // No bit may change without the signature noticing.
  assert.equal(signed, 0);
});

test("a byte behind the certificate is one too many", () => {
  assert.throws(() => readCertificate(Uint8Array.from([...leafDer, 0])), MalformedDer);
});

const REFUSED: [string, number[]][] = [
  ["an indefinite length", [0x30, 0x80, 0x00, 0x00]],
  ["a long length for a short element", [0x04, 0x81, 0x01, 0x00]],
  ["a length with a leading zero", [0x04, 0x82, 0x00, 0x81]],
  ["a length of four octets", [0x04, 0x84, 0x00, 0x00, 0x00, 0x01, 0x00]],
  ["a tag of several octets", [0x1f, 0x81, 0x01, 0x00]],
  ["an element that is cut off", [0x04, 0x02, 0x00]],
];
for (const [what, bytes] of REFUSED) {
  test(`DER: ${what} is refused`, () => {
    assert.throws(() => new Reader(Uint8Array.from(bytes)).next(), MalformedDer);
  });
}

test("object identifiers and times", () => {
  assert.equal(oid(Uint8Array.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])), "1.2.840.10045.4.3.2");
  assert.equal(oid(Uint8Array.from([0x55, 0x1d, 0x0e])), "2.5.29.14");
  assert.throws(() => oid(Uint8Array.from([0x2a, 0x86])), MalformedDer);
  const read = (tag: number, text: string) => {
    const contents = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return time({ tag, contents, whole: contents });
  };
  assert.equal(read(Tag.utcTime, "491231235959Z"), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(read(Tag.utcTime, "500101000000Z"), Date.UTC(1950, 0, 1));
  assert.equal(read(Tag.generalizedTime, "20500101000000Z"), Date.UTC(2050, 0, 1));
  assert.throws(() => read(Tag.utcTime, "4912312359Z"), MalformedDer);
  assert.throws(() => read(Tag.octetString, "491231235959Z"), MalformedDer);
});

test("PEM and base64", () => {
  const pem = openssl.pem("leaf") + openssl.pem("issuing");
  assert.deepEqual(certificatesOfPem(pem), [leaf.der, issuing.der]);
  assert.deepEqual(certificatesOfPem("no certificate"), []);
  assert.deepEqual(fromBase64(toBase64(leafDer)), leafDer);
  assert.throws(() => certificatesOfPem("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----"));
});
