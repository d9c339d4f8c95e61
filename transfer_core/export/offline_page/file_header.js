// What the first bytes of a file say, before any pixel is decoded: a picture that would not fit
// into memory is refused here, and so is a file that is no picture, whatever its name says.
"use strict";

const MAX_PIXELS = 50_000_000;
const MAX_SIDE = 20_000;
const MIN_SIDE = 8;
const MAX_ASPECT_RATIO = 50;

/** A file that cannot be used; its message is a sentence for people. */
/** Why a picture cannot be seen: a key of the page's words, and what stands in its fields. */
class PictureError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.values = values;
  }
}

/**
 * Returns { format, width, height, orientation, isComplete } and more of a JPEG. Width and height
 * lie as in the file, before it is turned upright; they are 0 where only the browser can tell.
 */
function readHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (start, length) => String.fromCharCode(...bytes.subarray(start, start + length));
  const facts = { format: null, width: 0, height: 0, orientation: 1, isComplete: true };
  if (bytes.length < 30) return facts;
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return { ...facts, ...readJpegHeader(bytes, view) };
  if (text(1, 3) === "PNG") {
    const isDeepGrey = bytes[24] === 16 && (bytes[25] === 0 || bytes[25] === 4);
    const [width, height] = [view.getUint32(16), view.getUint32(20)];
    return { ...facts, format: "PNG", width, height, isDeepGrey };
  }
  if (text(0, 3) === "GIF") {
    return { ...facts, format: "GIF", width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (text(0, 2) === "BM") {
    const height = Math.abs(view.getInt32(22, true)); // negative if the first row is the top one
    return { ...facts, format: "BMP", width: view.getInt32(18, true), height };
  }
  if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") {
    return { ...facts, format: "WebP", ...readWebpSize(view, text(12, 4)) };
  }
  if (text(4, 4) === "ftyp") return { ...facts, format: text(8, 2) === "av" ? "AVIF" : "HEIC" };
  if (["II*\0", "MM\0*"].includes(text(0, 4))) return { ...facts, format: "TIFF" };
  return facts;
}

function readWebpSize(view, kind) {
  if (kind === "VP8 ") {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
  }
  const read24 = (at) => view.getUint16(at, true) + (view.getUint8(at + 2) << 16) + 1;
  return { width: read24(24), height: read24(27) };
}

/** Walk from marker to marker up to the pixels. */
function readJpegHeader(bytes, view) {
  const facts = { format: "JPEG", sharesColours: false, brightSteps: null, colourSteps: null };
  const tables = [];
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++; // a filling byte
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    const length = view.getUint16(at + 2);
    if (marker === 0xdb) {
      readTables(bytes, at + 4, at + 2 + length, tables);
    } else if (isFrame) {
      facts.height = view.getUint16(at + 5);
      facts.width = view.getUint16(at + 7);
      facts.channels = bytes[at + 9];
      Object.assign(facts, readSampling(bytes, at + 10, facts.channels, tables));
    } else if (marker === 0xe1) {
      facts.orientationEntry ??= findOrientation(view, at + 4);
    } else if (marker === 0xda) {
      facts.isComplete = hasEndMarker(bytes, at);
      break;
    }
    at += 2 + length;
  }
  return { ...facts, orientation: facts.orientationEntry?.value ?? 1 };
}

/** Read the tables of steps, which a file stores in zigzag order and of 8 bits each. */
function readTables(bytes, from, to, tables) {
  const order = Array.from({ length: 64 }, (_, i) => i).sort((a, b) => {
    const [sumA, sumB] = [(a >> 3) + (a & 7), (b >> 3) + (b & 7)];
    return sumA - sumB || (sumA % 2 ? a - b : b - a); // diagonals, in turns down and up
  });
  for (let at = from; at + 64 < to + 1 && bytes[at] < 16; at += 65) {
    const steps = new Float64Array(64);
    order.forEach((place, i) => (steps[place] = bytes[at + 1 + i]));
    tables[bytes[at]] = steps;
  }
}

/** Which pixels share a colour, and the steps of brightness and colours where they are known. */
function readSampling(bytes, at, channels, tables) {
  const sampling = (channel) => bytes[at + 3 * channel + 1];
  const steps = (channel) => tables[bytes[at + 3 * channel + 2]] ?? null;
  if (channels === 1) return { brightSteps: steps(0) };
  const isWhole = sampling(0) === 0x11;
  const isHalf = sampling(0) === 0x22;
  const isUsual = channels === 3 && (isWhole || isHalf) && sampling(1) === 0x11;
  if (!isUsual || sampling(2) !== 0x11 || bytes[at] === 0x52) return {}; // 0x52: red, not brightness
  return { sharesColours: isHalf, brightSteps: steps(0), colourSteps: steps(1) };
}

/** A truncated JPEG lacks its last marker; browsers would show its lower part in grey. */
function hasEndMarker(bytes, from) {
  for (let at = bytes.length - 2; at > from; at--) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  }
  return false;
}

/** Where the segment APP1 of a JPEG has its EXIF orientation, and its value; or undefined. */
function findOrientation(view, at) {
  try {
    if (view.getUint32(at) !== 0x45786966) return undefined; // "Exif"
    const start = at + 6;
    const isLittle = view.getUint16(start) === 0x4949;
    const directory = start + view.getUint32(start + 4, isLittle);
    const entries = view.getUint16(directory, isLittle);
    for (let entry = directory + 2; entry < directory + 2 + entries * 12; entry += 12) {
      if (view.getUint16(entry, isLittle) !== 0x0112) continue;
      const value = view.getUint16(entry + 8, isLittle);
      return value >= 1 && value <= 8 ? { at: entry + 8, isLittle, value } : undefined;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // damaged EXIF data; the pixels are good
  }
  return undefined;
}

/** Refuse what the app refuses, with its words. */
function checkSize(width, height) {
  if (width * height > MAX_PIXELS || Math.max(width, height) > MAX_SIDE) {
    throw new PictureError("tooLarge", { width, height, side: MAX_SIDE });
  }
  if (Math.min(width, height) < MIN_SIDE) {
    throw new PictureError("tooSmall", { width, height, side: MIN_SIDE });
  }
  if (Math.max(width, height) > MAX_ASPECT_RATIO * Math.min(width, height)) {
    throw new PictureError("tooNarrow", { width, height });
  }
}
