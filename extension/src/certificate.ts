// Certificates: what we read of one, and whether one signed another.
//
// ChromeOS itself proves that a certificate is for a key of the device, and TLS proves whose service
// answers. What is checked here is that nobody's mistake installs a certificate that no relying party
// will accept.

import { MalformedDer, Reader, Tag, context, oid, time, type Element } from "./der.js";
import { sameBytes, sha256, toHex } from "./encoding.js";

/** What we read of a certificate (RFC 5280, section 4.1). */
export interface Certificate {
  der: Uint8Array<ArrayBuffer>;
  /** Lower-case hexadecimal, without a leading zero octet. */
  serial: string;
  /** The issuer's name, DER. */
  issuer: Uint8Array<ArrayBuffer>;
  /** The subject's name, DER. */
  subject: Uint8Array<ArrayBuffer>;
  /** Milliseconds since 1970. */
  notBefore: number;
  /** Milliseconds since 1970. */
  notAfter: number;
  /** The SubjectPublicKeyInfo, DER. */
  spki: Uint8Array<ArrayBuffer>;
  /** The subject key identifier, where there is one. */
  subjectKeyId: Uint8Array<ArrayBuffer> | null;
  /** The key identifier of the authority key identifier, where there is one. */
  authorityKeyId: Uint8Array<ArrayBuffer> | null;
  /** Whether it may sign certificates at all (basic constraints). */
  isAuthority: boolean;
  /** Where the issuer's certificate is said to be (authority information access). */
  issuerAddresses: string[];
  signed: Uint8Array<ArrayBuffer>;
  signatureAlgorithm: string;
  signature: Uint8Array<ArrayBuffer>;
}

const EXTENSION = {
  subjectKeyId: "2.5.29.14",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  authorityInformationAccess: "1.3.6.1.5.5.7.1.1",
} as const;

const CA_ISSUERS = "1.3.6.1.5.5.7.48.2";

/** Reads a certificate. Throws {@link MalformedDer}. */
export function readCertificate(der: Uint8Array<ArrayBuffer>): Certificate {
  const document = new Reader(der);
  const whole = new Reader(document.next(Tag.sequence).contents);
  document.end();
  const tbs = whole.next(Tag.sequence);
  const algorithm = algorithmOf(whole.next(Tag.sequence));
  const signature = bits(whole.next(Tag.bitString));
  whole.end();

  const fields = new Reader(tbs.contents);
  fields.optional(context(0, true));
  const serial = toHex(fields.next(Tag.integer).contents).replace(/^00(?=.)/, "");
  if (algorithmOf(fields.next(Tag.sequence)) !== algorithm) {
    throw new MalformedDer("two signature algorithms");
  }
  const issuer = fields.next(Tag.sequence).whole;
  const validity = new Reader(fields.next(Tag.sequence).contents);
  const notBefore = time(validity.next());
  const notAfter = time(validity.next());
  validity.end();
  const subject = fields.next(Tag.sequence).whole;
  const spki = fields.next(Tag.sequence).whole;
  fields.optional(context(1, false));
  fields.optional(context(2, false));
  const extensions = readExtensions(fields.optional(context(3, true)));
  fields.end();
  return {
    der,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    ...extensions,
    signed: tbs.whole,
    signatureAlgorithm: algorithm,
    signature,
  };
}

function algorithmOf(element: Element): string {
  return oid(new Reader(element.contents).next(Tag.oid).contents);
}

function bits(element: Element): Uint8Array<ArrayBuffer> {
  if (element.contents[0] !== 0) throw new MalformedDer("a bit string that ends inside an octet");
  return element.contents.slice(1);
}

type Extensions = Pick<Certificate, "subjectKeyId" | "authorityKeyId" | "isAuthority" | "issuerAddresses">;

function readExtensions(element: Element | null): Extensions {
  const found: Extensions = {
    subjectKeyId: null,
    authorityKeyId: null,
    isAuthority: false,
    issuerAddresses: [],
  };
  if (element === null) return found;
  const outer = new Reader(element.contents);
  const list = new Reader(outer.next(Tag.sequence).contents);
  outer.end();
  while (!list.done) {
    const extension = new Reader(list.next(Tag.sequence).contents);
    const name = oid(extension.next(Tag.oid).contents);
    extension.optional(Tag.boolean);
    const value = new Reader(extension.next(Tag.octetString).contents);
    if (name === EXTENSION.subjectKeyId) {
      found.subjectKeyId = value.next(Tag.octetString).contents;
    } else if (name === EXTENSION.authorityKeyId) {
      const parts = new Reader(value.next(Tag.sequence).contents);
      found.authorityKeyId = parts.optional(context(0, false))?.contents ?? null;
    } else if (name === EXTENSION.basicConstraints) {
      const parts = new Reader(value.next(Tag.sequence).contents);
      found.isAuthority = parts.optional(Tag.boolean)?.contents[0] === 0xff;
    } else if (name === EXTENSION.authorityInformationAccess) {
      found.issuerAddresses = issuerAddresses(new Reader(value.next(Tag.sequence).contents));
    }
  }
  return found;
}

function issuerAddresses(descriptions: Reader): string[] {
  const found: string[] = [];
  while (!descriptions.done) {
    const description = new Reader(descriptions.next(Tag.sequence).contents);
    const method = oid(description.next(Tag.oid).contents);
    const location = description.next();
    if (method === CA_ISSUERS && location.tag === context(6, false)) {
      found.push(String.fromCharCode(...location.contents));
    }
  }
  return found;
}

/** The name of a CA in the addresses of the API: the first 16 digits of SHA-256 over its SPKI. */
export async function issuerId(authority: Certificate): Promise<string> {
  return toHex(await sha256(authority.spki)).slice(0, 16);
}

/** Whether the names and key identifiers say that `authority` issued `certificate`. */
export function namesIssuer(certificate: Certificate, authority: Certificate): boolean {
  if (!sameBytes(certificate.issuer, authority.subject)) return false;
  const { authorityKeyId } = certificate;
  const { subjectKeyId } = authority;
  return !authorityKeyId || !subjectKeyId || sameBytes(authorityKeyId, subjectKeyId);
}

/** Whether `authority` issued `certificate`: names, key identifiers, the right to do so, signature. */
export async function issued(authority: Certificate, certificate: Certificate): Promise<boolean> {
  if (!namesIssuer(certificate, authority) || !authority.isAuthority) return false;
  const scheme = SCHEMES[certificate.signatureAlgorithm];
  if (!scheme) return false;
  const ecdsa = scheme.name === "ECDSA";
  const curve = CURVES.find((known) => includes(authority.spki, known.oid));
  if (ecdsa && !curve) return false;
  try {
    const key = await crypto.subtle.importKey(
      "spki",
      authority.spki,
      ecdsa && curve ? { name: "ECDSA", namedCurve: curve.name } : { name: scheme.name, hash: scheme.hash },
      false,
      ["verify"],
    );
    const signature =
      ecdsa && curve ? fixedLength(certificate.signature, curve.octets) : certificate.signature;
    return await crypto.subtle.verify(scheme, key, signature, certificate.signed);
  } catch {
    // A key or signature that cannot be read did not sign anything.
    return false;
  }
}

/**
 * Whether `leaf` leads over `chain`, the issuer first, to one of `roots`. Dates are not looked at:
 * who asks knows which clock to ask with.
 */
export async function leadsTo(
  roots: Certificate[],
  leaf: Certificate,
  chain: Certificate[],
): Promise<boolean> {
  let last = leaf;
  for (const next of chain) {
    if (!(await issued(next, last))) return false;
    last = next;
  }
  for (const root of roots) {
    if (await issued(root, last)) return true;
  }
  return false;
}

interface Scheme {
  name: "ECDSA" | "RSASSA-PKCS1-v1_5";
  hash: string;
}

// RFC 5758, section 3.2; RFC 4055, section 5.
const SCHEMES: Record<string, Scheme> = {
  "1.2.840.10045.4.3.2": { name: "ECDSA", hash: "SHA-256" },
  "1.2.840.10045.4.3.3": { name: "ECDSA", hash: "SHA-384" },
  "1.2.840.10045.4.3.4": { name: "ECDSA", hash: "SHA-512" },
  "1.2.840.113549.1.1.11": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  "1.2.840.113549.1.1.12": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  "1.2.840.113549.1.1.13": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
};

// RFC 5480, section 2.1.1.1: the elements that name the curves.
const CURVES = [
  { name: "P-256", octets: 32, oid: [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] },
  { name: "P-384", octets: 48, oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22] },
  { name: "P-521", octets: 66, oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23] },
];

/** Whether an SPKI names a curve: its algorithm is a sequence of two identifiers. */
function includes(spki: Uint8Array<ArrayBuffer>, curve: number[]): boolean {
  const algorithm = new Reader(new Reader(new Reader(spki).next().contents).next().contents);
  algorithm.next(Tag.oid);
  return !algorithm.done && sameBytes(algorithm.next().whole, Uint8Array.from(curve));
}

/** Certificates hold ECDSA signatures as a sequence of two integers, WebCrypto wants them joined. */
function fixedLength(signature: Uint8Array<ArrayBuffer>, octets: number): Uint8Array<ArrayBuffer> {
  const pair = new Reader(new Reader(signature).next(Tag.sequence).contents);
  const joined = new Uint8Array(2 * octets);
  for (const end of [octets, 2 * octets]) {
    const integer = pair.next(Tag.integer).contents;
    const number = integer[0] === 0 ? integer.slice(1) : integer;
    if (number.length > octets) throw new MalformedDer("a number larger than its curve");
    joined.set(number, end - number.length);
  }
  pair.end();
  return joined;
}
