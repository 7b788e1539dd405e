// A zip whose bytes depend on its contents alone: names in order, one fixed time, nothing compressed.
// What a compressor makes of the same bytes changes from one version to the next.

/** 1980-01-01, the first day that a zip can name. */
const DATE = (0 << 9) | (1 << 5) | 1;
const UTF8 = 0x0800;
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Packs `{name: bytes}`. */
export function zip(files) {
  const locals = [];
  const centrals = [];
  let offset = 0;
  for (const name of Object.keys(files).sort()) {
    const contents = Buffer.from(files[name]);
    const path = Buffer.from(name, "utf8");
    // Version 2.0, no compression; the same twenty-six octets stand in both headers.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(UTF8, 2);
    common.writeUInt16LE(0, 4);
    common.writeUInt16LE(0, 6);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(contents), 10);
    common.writeUInt32LE(contents.length, 14);
    common.writeUInt32LE(contents.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([number(LOCAL), common, path, contents]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([number(CENTRAL), Buffer.from([20, 0]), common, rest, path]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(centrals.length, 4);
  end.writeUInt16LE(centrals.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, number(END), end]);
}

/** Unpacks what {@link zip} packed, and nothing else. */
export function unzip(bytes) {
  const files = {};
  let at = 0;
  while (bytes.readUInt32LE(at) === LOCAL) {
    const size = bytes.readUInt32LE(at + 18);
    const path = bytes.readUInt16LE(at + 26);
    const start = at + 30 + path;
    files[bytes.toString("utf8", at + 30, start)] = bytes.subarray(start, start + size);
    at = start + size;
  }
  return files;
}

function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
