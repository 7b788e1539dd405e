// As much of DER (X.690) as a certificate needs. A reader of our own: see README.md, "Run-time
// dependencies". It refuses what DER forbids where that could give one certificate two readings.

/** What is not DER. */
export class MalformedDer extends Error {}

/** One element: its tag, its contents, and all its bytes. */
export interface Element {
  tag: number;
  contents: Uint8Array<ArrayBuffer>;
  whole: Uint8Array<ArrayBuffer>;
}

/** Tags of the elements that occur in certificates; context-specific ones are built by {@link context}. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** The tag of a context-specific element, constructed or primitive. */
export function context(number: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** Reads the elements of a constructed element, or of a document, one after the other. */
export class Reader {
  #at = 0;

  constructor(private readonly bytes: Uint8Array<ArrayBuffer>) {}

  /** Whether all has been read. */
  get done(): boolean {
    return this.#at === this.bytes.length;
  }

  /** The tag of what comes next, or `null` at the end. */
  peek(): number | null {
    return this.bytes[this.#at] ?? null;
  }

  /** The next element; with a tag, it has to be that one. */
  next(tag?: number): Element {
    const start = this.#at;
    const found = this.#byte();
    if (tag !== undefined && found !== tag) throw new MalformedDer(`tag ${found}, not ${tag}`);
    if ((found & 0x1f) === 0x1f) throw new MalformedDer("a tag of several octets");
    const length = this.#length();
    const from = this.#at;
    if (length > this.bytes.length - from) throw new MalformedDer("an element that is cut off");
    this.#at = from + length;
    return {
      tag: found,
      contents: this.bytes.slice(from, this.#at),
      whole: this.bytes.slice(start, this.#at),
    };
  }

  /** The next element where it has this tag, else nothing. */
  optional(tag: number): Element | null {
    return this.peek() === tag ? this.next() : null;
  }

  /** Throws where something is left. */
  end(): void {
    if (!this.done) throw new MalformedDer("something follows the end");
  }

  #byte(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) throw new MalformedDer("nothing more");
    this.#at += 1;
    return byte;
  }

  /** X.690, section 10.1: definite, and as short as possible. */
  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    if (octets === 0 || octets > 3) throw new MalformedDer("a length of another form");
    let length = 0;
    for (let count = 0; count < octets; count += 1) length = length * 256 + this.#byte();
    const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    if (octets !== shortest) throw new MalformedDer("a length that is not the shortest");
    return length;
  }
}

/** The dotted form of an object identifier's contents. */
export function oid(contents: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of contents) {
    if (arc > 0x1ffffff) throw new MalformedDer("an object identifier too large");
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const first = arcs.shift();
  if (first === undefined || contents.at(-1)! & 0x80) throw new MalformedDer("an empty object identifier");
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...arcs].join(".");
}

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime in the form of RFC 5280, section 4.1.2.5. */
export function time(element: Element): number {
  const text = String.fromCharCode(...element.contents);
  const form =
    element.tag === Tag.utcTime
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
      : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
  const parts = form.exec(text)?.slice(1).map(Number);
  const [year, month, day, hour, minute, second] = parts ?? [];
  if (
    (element.tag !== Tag.utcTime && element.tag !== Tag.generalizedTime) ||
    year === undefined ||
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    second === undefined
  ) {
    throw new MalformedDer("not a time");
  }
  const century = element.tag === Tag.generalizedTime ? 0 : year < 50 ? 2000 : 1900;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}
