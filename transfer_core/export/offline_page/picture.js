// From a picture to the network's input, with the very numbers that the app computes with Pillow.
// A browser's own scaling (canvas.drawImage) gives others: it does not widen its filter in the
// same way, and every browser has its own.
"use strict";

const PRECISION_BITS = 22; // of the filters' whole numbers, as in Pillow's Resample.c
const STRIP_ROWS = 64; // rows that are read from the browser at once
const FILTERS = {
  bilinear: { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weigh: weighBicubic },
};

function weighBicubic(x) {
  const a = -0.5;
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}

/** Decode a file; returns its bitmap, its header, and how a JPEG is to be reduced first. */
async function decodeFile(file, transform) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const header = readHeader(bytes);
  if (!header.format) {
    throw new PictureError("noPicture");
  }
  if (header.isDeepGrey) {
    throw new PictureError("deepGrey");
  }
  if (header.channels === 4) {
    throw new PictureError("printColours");
  }
  if (header.width && header.height) checkSize(header.width, header.height);
  if (!header.isComplete) {
    throw new PictureError("cutOff");
  }
  const reduction = chooseReduction(header, transform);
  if (reduction > 1 && header.orientationEntry) {
    // Blocks are counted from where the file begins, so the browser must not turn the picture.
    const { at, isLittle } = header.orientationEntry;
    new DataView(bytes.buffer).setUint16(at, 1, isLittle);
  }
  const bitmap = await decodeWithBrowser(new Blob([bytes]), header.format);
  checkSize(bitmap.width, bitmap.height);
  return { bitmap, header, reduction };
}

async function decodeWithBrowser(file, format) {
  try {
    return await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none", // the app does not look at colour profiles either
      premultiplyAlpha: "none",
    });
  } catch {
    if (["TIFF", "HEIC", "AVIF"].includes(format)) {
      throw new PictureError("format", { format });
    }
    throw new PictureError("damaged");
  }
}

/** The app decodes large JPEGs at a half, a quarter or an eighth: 2, 4 or 8; else 1. */
function chooseReduction({ format, width, height }, transform) {
  const smallest = 2 * transform.resize;
  const scale = Math.min(Math.floor(width / smallest), Math.floor(height / smallest));
  return format === "JPEG" ? ([8, 4, 2].find((each) => scale >= each) ?? 1) : 1;
}

/** Scale the shorter side and cut out the centre; returns red, green, blue, Uint8, row by row. */
function transformPicture(decoded, transform) {
  const { size, resize, interpolation, mayScaleColumnsFirst } = transform;
  const { bitmap, header, reduction = 1 } = decoded;
  const picture = reduction > 1 ? reducePhoto(bitmap, header, reduction) : bitmap;
  const { width, height } = picture;
  const side = (Math.min(width, height) * size) / resize;
  const filter = FILTERS[interpolation];
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  const across = computeFilters(width, left, left + side, size, filter);
  const down = computeFilters(height, top, top + side, size, filter);
  const pixels = readPixels(picture, across, down);
  const columns = across.last - across.first;
  // The first pass rounds to whole values, so the order matters. Pillow takes, since version 13,
  // the columns first if that spares work.
  if (mayScaleColumnsFirst && height - size > 2 * Math.max(0, width - size)) {
    return scaleRows(scaleColumns(pixels, down, columns), across, columns);
  }
  return scaleColumns(scaleRows(pixels, across, columns), down, size);
}

/**
 * For each output pixel the first input pixel and the weights, as Pillow's `precompute_coeffs`.
 * All input pixels that any of them needs lie in [first, last).
 */
function computeFilters(pixels, from, to, size, { support, weigh }) {
  const [begin, end] = [Math.fround(from), Math.fround(to)];
  const scale = Math.fround(end - begin) / size;
  const stretch = Math.max(scale, 1); // widening the filter is what antialiasing means here
  const filters = [];
  for (let index = 0; index < size; index++) {
    const centre = begin + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
    const last = Math.min(pixels, Math.trunc(centre + support * stretch + 0.5));
    const weights = [];
    for (let pixel = first; pixel < last; pixel++) {
      weights.push(weigh((pixel - centre + 0.5) * (1 / stretch)));
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    const whole = weights.map((each) => roundAway((each / sum) * 2 ** PRECISION_BITS));
    filters.push({ first, weights: Int32Array.from(whole) });
  }
  const lastOf = ({ first, weights }) => first + weights.length;
  return { filters, first: filters[0].first, last: Math.max(...filters.map(lastOf)) };
}

function roundAway(x) {
  return Math.trunc(x < 0 ? x - 0.5 : x + 0.5);
}

/** Turn a sum of whole-number weights times values into a value of 0 to 255. */
function toByte(sum) {
  return Math.min(255, Math.max(0, (sum + (1 << (PRECISION_BITS - 1))) >> PRECISION_BITS));
}

/** Scale rows of so many pixels. */
function scaleRows(pixels, { filters, first: start }, columns) {
  const rows = pixels.length / 3 / columns;
  const scaled = new Uint8Array(rows * filters.length * 3);
  let place = 0;
  for (let y = 0; y < rows; y++) {
    for (const { first, weights } of filters) {
      let [red, green, blue] = [0, 0, 0];
      let from = (y * columns + first - start) * 3;
      for (let i = 0; i < weights.length; i++, from += 3) {
        red += pixels[from] * weights[i];
        green += pixels[from + 1] * weights[i];
        blue += pixels[from + 2] * weights[i];
      }
      scaled[place++] = toByte(red);
      scaled[place++] = toByte(green);
      scaled[place++] = toByte(blue);
    }
  }
  return scaled;
}

/** Scale all columns of so many that lie side by side. */
function scaleColumns(pixels, { filters, first: start }, columns) {
  const length = columns * 3;
  const scaled = new Uint8Array(filters.length * length);
  filters.forEach(({ first, weights }, y) => {
    for (let x = 0; x < length; x++) {
      let sum = 0;
      let from = (first - start) * length + x;
      for (let i = 0; i < weights.length; i++, from += length) sum += pixels[from] * weights[i];
      scaled[y * length + x] = toByte(sum);
    }
  });
  return scaled;
}

/** The pixels that the filters need, red, green and blue, of a bitmap or a reduced photo. */
function readPixels(picture, across, down) {
  const columns = across.last - across.first;
  const pixels = new Uint8Array((down.last - down.first) * columns * 3);
  let place = 0;
  for (let top = down.first; top < down.last; top += STRIP_ROWS) {
    const rows = Math.min(STRIP_ROWS, down.last - top);
    if (picture.pixels) {
      for (let y = top; y < top + rows; y++, place += columns * 3) {
        const from = (y * picture.width + across.first) * 3;
        pixels.set(picture.pixels.subarray(from, from + columns * 3), place);
      }
      continue;
    }
    const strip = readStrip(picture, across.first, top, columns, rows);
    for (let from = 0; from < strip.length; from += 4, place += 3) {
      pixels[place] = strip[from];
      pixels[place + 1] = strip[from + 1];
      pixels[place + 2] = strip[from + 2];
    }
  }
  return pixels;
}

/** A rectangle of a bitmap's pixels on white, four values each. */
function readStrip(bitmap, left, top, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, left, top, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** The network's normalised input: (value / 255 - mean) / std. */
function normalise(pixels, { size, mean, std }) {
  const data = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const colour = i % 3;
    data[i] = pixels[i] / 255 / std[colour] - mean[colour] / std[colour];
  }
  return { height: size, width: size, channels: 3, data };
}
