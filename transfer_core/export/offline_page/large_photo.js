// Large JPEGs, which the app decodes at a half, a quarter or an eighth of their size: there each
// pixel is the mean of a block, taken of the exact cosine waves that the file stores. A browser
// gives only whole red, green and blue values. So the waves are found again: a block of 8 x 8
// values is taken apart into waves, whose heights the file stores as whole steps of its table.
"use strict";

const BLOCK = 8; // pixels a side
const ROUNDING_ERROR = 1e-6; // more than the sums of a block are off
const WAVES = makeWaves();

/** The cosine waves of a JPEG: row u holds wave u at the eight pixels. */
function makeWaves() {
  const waves = new Float64Array(BLOCK * BLOCK);
  for (let u = 0; u < BLOCK; u++) {
    for (let x = 0; x < BLOCK; x++) {
      const height = u ? 0.5 : Math.SQRT1_2 / 2;
      waves[u * BLOCK + x] = height * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
    }
  }
  return waves;
}

/** For each of `count` output pixels of a block and each wave, the wave's mean over that pixel. */
function averageWaves(count) {
  const width = BLOCK / count;
  const means = new Float64Array(count * BLOCK);
  for (let i = 0; i < BLOCK * BLOCK; i++) {
    const [u, x] = [Math.floor(i / BLOCK), i % BLOCK];
    means[Math.floor(x / width) * BLOCK + u] += WAVES[i] / width;
  }
  return means;
}

/** Multiply two small matrices: (rows x inner) times the transpose of (columns x inner). */
function multiplyTransposed(a, b, rows, columns, inner, out) {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let i = 0; i < inner; i++) sum += a[row * inner + i] * b[column * inner + i];
      out[row * columns + column] = sum;
    }
  }
}

/** Reduces planes of values, block by block, to `count` x `count` values of each block. */
class BlockReducer {
  constructor(count, steps) {
    Object.assign(this, { count, steps, means: averageWaves(count) });
    this.first = new Float64Array(BLOCK * BLOCK);
    this.second = new Float64Array(BLOCK * BLOCK);
  }

  /** Write the reduced block at a place of the reduced plane; parts outside of it are left out. */
  reduce(block, isWhole, plane, left, top) {
    const { count, means, first, second, steps } = this;
    multiplyTransposed(WAVES, block, BLOCK, BLOCK, BLOCK, first); // waves along the rows, turned
    multiplyTransposed(WAVES, first, BLOCK, BLOCK, BLOCK, second); // and along the columns
    if (steps && isWhole) {
      for (let i = 0; i < second.length; i++) second[i] = Math.round(second[i] / steps[i]) * steps[i];
    }
    multiplyTransposed(means, second, count, BLOCK, BLOCK, first);
    multiplyTransposed(means, first, count, count, BLOCK, second);
    for (let y = 0; y < count && top + y < plane.height; y++) {
      for (let x = 0; x < count && left + x < plane.width; x++) {
        const value = second[y * count + x] + ROUNDING_ERROR; // a half must be rounded up
        plane.data[(top + y) * plane.width + left + x] = Math.round(value);
      }
    }
  }
}

function makePlane(width, height) {
  return { width, height, data: new Float32Array(width * height) };
}

/** Reduce a photo; returns red, green and blue, Uint8, upright. */
function reducePhoto(bitmap, header, reduction) {
  const { width, height } = bitmap;
  // Colours are often stored at half the size, and a browser spreads them between the pixels.
  const shared = header.sharesColours ? 2 : 1;
  const bright = makePlane(Math.ceil(width / reduction), Math.ceil(height / reduction));
  const colours = [0, 1].map(() => makePlane(Math.ceil(width / shared), Math.ceil(height / shared)));
  const reducer = new BlockReducer(BLOCK / reduction, header.brightSteps);
  for (let top = 0; top < height; top += 2 * BLOCK) {
    const rows = Math.min(2 * BLOCK, height - top);
    const strip = readStrip(bitmap, 0, top, width, rows);
    reduceBrightness(strip, top, width, rows, reducer, bright);
    collectColours(strip, top, width, rows, shared, colours);
  }
  const reduced = colours.map((plane) => {
    if (shared === 2) gatherColours(plane);
    return reducePlane(plane, (BLOCK * shared) / reduction, header.colourSteps, bright);
  });
  return turnUpright(mixColours(bright, reduced), header.orientation);
}

/** The brightness of the pixels of a strip, reduced into the plane. */
function reduceBrightness(strip, top, width, rows, reducer, plane) {
  const block = new Float64Array(BLOCK * BLOCK);
  for (let y = 0; y < rows; y += BLOCK) {
    for (let x = 0; x < width; x += BLOCK) {
      for (let i = 0; i < block.length; i++) {
        const row = Math.min(y + (i >> 3), rows - 1); // the edge is repeated
        const from = (row * width + Math.min(x + (i & 7), width - 1)) * 4;
        const mixed = 0.299 * strip[from] + 0.587 * strip[from + 1] + 0.114 * strip[from + 2];
        block[i] = Math.round(mixed) - 128;
      }
      const isWhole = y + BLOCK <= rows && x + BLOCK <= width;
      const [left, down] = [(x / BLOCK) * reducer.count, ((top + y) / BLOCK) * reducer.count];
      reducer.reduce(block, isWhole, plane, left, down);
    }
  }
}

/** The two differences of colour of a strip, the mean of the pixels that share them. */
function collectColours(strip, top, width, rows, shared, [toBlue, toRed]) {
  for (let y = 0; y < rows; y += shared) {
    for (let x = 0; x < width; x += shared) {
      let [red, green, blue] = [0, 0, 0];
      for (let i = 0; i < shared * shared; i++) {
        const row = Math.min(y + Math.floor(i / shared), rows - 1);
        const from = (row * width + Math.min(x + (i % shared), width - 1)) * 4;
        red += strip[from];
        green += strip[from + 1];
        blue += strip[from + 2];
      }
      const place = ((top + y) / shared) * toBlue.width + x / shared;
      const count = shared * shared;
      toBlue.data[place] = (-0.168735892 * red - 0.331264108 * green + 0.5 * blue) / count;
      toRed.data[place] = (0.5 * red - 0.418687589 * green - 0.081312411 * blue) / count;
    }
  }
}

/**
 * Undo the spreading of colours. The browser made the mean of two pixels (a + 6 b + c) / 8 of the
 * stored values a, b, c; solved for b along the rows, then along the columns.
 */
function gatherColours({ width, height, data }) {
  for (let y = 0; y < height; y++) solveLine(data, y * width, 1, width);
  for (let x = 0; x < width; x++) solveLine(data, x, width, height);
}

/** Solve (a + 6 b + c) / 8 = given for every value of a line; its ends are repeated. */
function solveLine(data, start, step, count) {
  const weights = new Float64Array(count);
  let previous = 0;
  for (let i = 0, at = start; i < count; i++, at += step) {
    const isEnd = i === 0 || i === count - 1;
    const pivot = (isEnd ? 7 : 6) - (i ? weights[i - 1] : 0);
    weights[i] = 1 / pivot;
    previous = (8 * data[at] - previous) / pivot;
    data[at] = previous;
  }
  for (let i = count - 2, at = start + i * step; i >= 0; i--, at -= step) {
    data[at] -= weights[i] * data[at + step];
  }
}

/** Reduce a plane of colours to the size of another plane. */
function reducePlane(plane, count, steps, { width, height }) {
  const reduced = makePlane(width, height);
  const reducer = new BlockReducer(count, steps);
  const block = new Float64Array(BLOCK * BLOCK);
  for (let y = 0; y < plane.height; y += BLOCK) {
    for (let x = 0; x < plane.width; x += BLOCK) {
      for (let i = 0; i < block.length; i++) {
        const row = Math.min(y + (i >> 3), plane.height - 1);
        block[i] = plane.data[row * plane.width + Math.min(x + (i & 7), plane.width - 1)];
      }
      const isWhole = y + BLOCK <= plane.height && x + BLOCK <= plane.width;
      reducer.reduce(block, isWhole, reduced, (x / BLOCK) * count, (y / BLOCK) * count);
    }
  }
  return reduced;
}

/** Red, green and blue of brightness and the two differences, rounded as a JPEG decoder does. */
function mixColours(bright, [toBlue, toRed]) {
  const { width, height, data } = bright;
  const pixels = new Uint8ClampedArray(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [value, blue, red] = [data[i] + 128, toBlue.data[i], toRed.data[i]];
    pixels[3 * i] = value + Math.round(1.402 * red);
    pixels[3 * i + 1] = value + Math.round(-0.344136286 * blue - 0.714136286 * red);
    pixels[3 * i + 2] = value + Math.round(1.772 * blue);
  }
  return { width, height, pixels };
}

/** Turn a picture by its EXIF orientation, 1 to 8. */
function turnUpright(picture, orientation) {
  if (orientation === 1) return picture;
  const [swaps, mirrorsX, mirrorsY] = [
    orientation >= 5,
    [2, 3, 7, 8].includes(orientation),
    [3, 4, 6, 7].includes(orientation),
  ];
  const width = swaps ? picture.height : picture.width;
  const height = swaps ? picture.width : picture.height;
  const pixels = new Uint8ClampedArray(picture.pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const column = swaps ? y : x;
      const row = swaps ? x : y;
      const fromX = mirrorsX ? picture.width - 1 - column : column;
      const fromY = mirrorsY ? picture.height - 1 - row : row;
      const from = (fromY * picture.width + fromX) * 3;
      pixels.set(picture.pixels.subarray(from, from + 3), (y * width + x) * 3);
    }
  }
  return { width, height, pixels };
}
