// The layers of the network, in plain JavaScript. Maps are { height, width, channels, data }, and
// data is a Float32Array in the order height, width, channels: the channels of a pixel lie side by
// side, so that a convolution reads its input from front to back.
"use strict";

const TILE = 4; // pixels, and outputs, whose sums are computed together

/** Read an array that Python stored at an offset of the block of bytes. */
function readArray(bytes, { type, offset, count }) {
  const kinds = { float32: Float32Array, int16: Int16Array };
  return new kinds[type](bytes, offset, count);
}

/** Undo the rounding of the weights and lay them out as the loops below read them. */
function prepareLayer(layer, bytes) {
  if (!layer.weights) return layer;
  const stored = readArray(bytes, layer.weights);
  const scales = readArray(bytes, layer.scales);
  const bias = readArray(bytes, layer.bias);
  const outputs = bias.length;
  const inputs = stored.length / outputs; // of one output
  const depthwise = layer.kind === "depthwise";
  const groups = Math.ceil(outputs / TILE);
  const weights = new Float32Array(depthwise ? stored.length : groups * TILE * inputs);
  for (let output = 0; output < outputs; output++) {
    // Four outputs side by side for each input; in a depthwise convolution all channels.
    const step = depthwise ? outputs : TILE;
    let place = depthwise ? output : (output - (output % TILE)) * inputs + (output % TILE);
    for (let input = 0; input < inputs; input++, place += step) {
      weights[place] = stored[output * inputs + input] * scales[output];
    }
  }
  return { ...layer, weights, bias, outputs };
}

/** Compute all layers. Returns the logits, and the features that the last layer reads. */
function runLayers(layers, image) {
  let maps = image;
  let remembered = null;
  let features = null;
  const collected = [];
  for (const layer of layers) {
    switch (layer.kind) {
      case "convolution":
        maps = convolve(layer, maps, remembered);
        break;
      case "depthwise":
        maps = convolveDepthwise(layer, maps);
        break;
      case "linear":
        features = maps.data;
        maps = convolve(
          { ...layer, kernel: 1, stride: 1, padding: [0, 0, 0, 0] },
          { height: 1, width: 1, channels: features.length, data: features },
          null,
        );
        break;
      case "max pool":
        maps = pool(maps, layer, true);
        break;
      case "average pool":
        maps = pool(maps, layer, false);
        break;
      case "remember":
        remembered = maps;
        break;
      case "collect":
        collected.push((layer.side ? pool(maps, layer, false) : maps).data);
        break;
      case "join":
        maps = { height: 1, width: 1, channels: 0, data: joinArrays(collected) };
        break;
      default:
        throw new Error(`unknown layer ${layer.kind}`);
    }
  }
  return { logits: maps.data, features };
}

/** Put zeros around maps. */
function pad(maps, [top, bottom, left, right]) {
  if (!(top || bottom || left || right)) return maps;
  const height = maps.height + top + bottom;
  const width = maps.width + left + right;
  const row = maps.width * maps.channels;
  const data = new Float32Array(height * width * maps.channels);
  for (let y = 0; y < maps.height; y++) {
    const place = ((y + top) * width + left) * maps.channels;
    data.set(maps.data.subarray(y * row, (y + 1) * row), place);
  }
  return { height, width, channels: maps.channels, data };
}

/** Make empty maps for the result of a convolution of padded maps. */
function makeOutput(layer, padded) {
  const height = Math.floor((padded.height - layer.kernel) / layer.stride) + 1;
  const width = Math.floor((padded.width - layer.kernel) / layer.stride) + 1;
  const data = new Float32Array(height * width * layer.outputs);
  return { height, width, channels: layer.outputs, data };
}

function getCeiling(layer) {
  return layer.relu === 6 ? 6 : Infinity;
}

/**
 * Convolve maps with filters over all channels; adds the remembered maps if the layer says so.
 *
 * The filter of an output meets, in each of its rows, one unbroken run of the input. So the whole
 * is a matrix product, computed in tiles of four pixels by four outputs.
 */
function convolve(layer, maps, remembered) {
  const padded = pad(maps, layer.padding);
  const output = makeOutput(layer, padded);
  const { width, channels: outputs, data: out } = output;
  const run = layer.kernel * padded.channels;
  const rowStep = padded.width * padded.channels;
  const pixels = output.height * width;
  const starts = new Int32Array(TILE);
  const sums = new Float64Array(TILE * TILE);
  const floor = layer.relu ? 0 : -Infinity;
  const ceiling = getCeiling(layer);
  const added = layer.adds_remembered ? remembered.data : null;
  for (let pixel = 0; pixel < pixels; pixel += TILE) {
    const inTile = Math.min(TILE, pixels - pixel);
    for (let i = 0; i < TILE; i++) {
      const each = Math.min(pixel + i, pixels - 1);
      const y = Math.floor(each / width);
      const x = each - y * width;
      starts[i] = (y * padded.width + x) * layer.stride * padded.channels;
    }
    for (let first = 0; first < outputs; first += TILE) {
      sumProducts(padded.data, starts, run, rowStep, layer.kernel, layer.weights, first, sums);
      const last = Math.min(TILE, outputs - first);
      for (let i = 0; i < inTile; i++) {
        const place = (pixel + i) * outputs + first;
        for (let j = 0; j < last; j++) {
          const sum = sums[i * TILE + j] + layer.bias[first + j];
          const value = Math.min(Math.max(sum, floor), ceiling);
          out[place + j] = added ? value + added[place + j] : value;
        }
      }
    }
  }
  return output;
}

/** The sixteen sums of a tile: `rows` runs of the input, times the weights of four outputs. */
function sumProducts(data, starts, run, rowStep, rows, weights, first, sums) {
  let [a0, a1, a2, a3] = [0, 0, 0, 0];
  let [b0, b1, b2, b3] = [0, 0, 0, 0];
  let [c0, c1, c2, c3] = [0, 0, 0, 0];
  let [d0, d1, d2, d3] = [0, 0, 0, 0];
  let place = first * run * rows;
  for (let row = 0; row < rows; row++) {
    const a = starts[0] + row * rowStep;
    const b = starts[1] + row * rowStep;
    const c = starts[2] + row * rowStep;
    const d = starts[3] + row * rowStep;
    for (let k = 0; k < run; k++, place += 4) {
      const w0 = weights[place];
      const w1 = weights[place + 1];
      const w2 = weights[place + 2];
      const w3 = weights[place + 3];
      const va = data[a + k];
      a0 += va * w0; a1 += va * w1; a2 += va * w2; a3 += va * w3;
      const vb = data[b + k];
      b0 += vb * w0; b1 += vb * w1; b2 += vb * w2; b3 += vb * w3;
      const vc = data[c + k];
      c0 += vc * w0; c1 += vc * w1; c2 += vc * w2; c3 += vc * w3;
      const vd = data[d + k];
      d0 += vd * w0; d1 += vd * w1; d2 += vd * w2; d3 += vd * w3;
    }
  }
  sums[0] = a0; sums[1] = a1; sums[2] = a2; sums[3] = a3;
  sums[4] = b0; sums[5] = b1; sums[6] = b2; sums[7] = b3;
  sums[8] = c0; sums[9] = c1; sums[10] = c2; sums[11] = c3;
  sums[12] = d0; sums[13] = d1; sums[14] = d2; sums[15] = d3;
}

/** Convolve every channel with a filter of its own. */
function convolveDepthwise(layer, maps) {
  const padded = pad(maps, layer.padding);
  const output = makeOutput(layer, padded);
  const { kernel, stride, weights, bias } = layer;
  const { data } = padded;
  const channels = padded.channels;
  const rowStep = padded.width * channels;
  const floor = layer.relu ? 0 : -Infinity;
  const ceiling = getCeiling(layer);
  let place = 0;
  for (let y = 0; y < output.height; y++) {
    for (let x = 0; x < output.width; x++) {
      const corner = (y * padded.width + x) * stride * channels;
      for (let channel = 0; channel < channels; channel++, place++) {
        let sum = bias[channel];
        let weight = channel;
        for (let row = 0; row < kernel; row++) {
          let from = corner + row * rowStep + channel;
          for (let column = 0; column < kernel; column++) {
            sum += data[from] * weights[weight];
            from += channels;
            weight += channels;
          }
        }
        output.data[place] = Math.min(Math.max(sum, floor), ceiling);
      }
    }
  }
  return output;
}

/**
 * Pool maps: to a fixed side, whose pools may overlap by a pixel, or with a window of pixels.
 * Takes the maximum, or else the mean, of each pool.
 */
function pool(maps, { side, window }, takesMaximum) {
  const height = side ?? Math.floor(maps.height / window);
  const width = side ?? Math.floor(maps.width / window);
  const { channels, data } = maps;
  const out = new Float32Array(height * width * channels);
  const sums = new Float64Array(channels);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = findPool(y, maps.height, side, window);
    for (let x = 0; x < width; x++) {
      const [left, right] = findPool(x, maps.width, side, window);
      sums.fill(takesMaximum ? -Infinity : 0);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const from = (row * maps.width + column) * channels;
          for (let channel = 0; channel < channels; channel++) {
            const value = data[from + channel];
            sums[channel] = takesMaximum ? Math.max(sums[channel], value) : sums[channel] + value;
          }
        }
      }
      const place = (y * width + x) * channels;
      const divisor = takesMaximum ? 1 : (bottom - top) * (right - left);
      for (let channel = 0; channel < channels; channel++) {
        out[place + channel] = sums[channel] / divisor;
      }
    }
  }
  return { height, width, channels, data: out };
}

/** The pixels from and to, of a row or column of pools; as torch's adaptive pooling. */
function findPool(index, pixels, side, window) {
  if (window) return [index * window, (index + 1) * window];
  return [Math.floor((index * pixels) / side), Math.ceil(((index + 1) * pixels) / side)];
}

function joinArrays(arrays) {
  const joined = new Float32Array(arrays.reduce((sum, each) => sum + each.length, 0));
  let place = 0;
  for (const each of arrays) {
    joined.set(each, place);
    place += each.length;
  }
  return joined;
}

/** Turn logits into probabilities. */
function softmax(logits) {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (each) => Math.exp(each - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((each) => each / sum);
}

/** The distance from features to the nearest of some pictures' features, one behind another. */
function findNearestDistance(features, pictures) {
  let nearest = Infinity;
  for (let start = 0; start < pictures.length; start += features.length) {
    let squares = 0;
    for (let i = 0; i < features.length; i++) {
      const difference = features[i] - pictures[start + i];
      squares += difference * difference;
    }
    nearest = Math.min(nearest, squares);
  }
  return Math.sqrt(nearest);
}
