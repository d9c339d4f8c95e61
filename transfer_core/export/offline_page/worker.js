// The worker: it holds the network and answers one picture after another, so that the page stays
// live. Its first message brings the network; every other one a picture, and gets one answer.
"use strict";

let network = null;

self.onmessage = async ({ data: message }) => {
  if (message.network) {
    network = loadNetwork(message.network, message.weights);
    return;
  }
  try {
    self.postMessage({ id: message.id, ...(await classify(message)) });
  } catch (error) {
    const isKnown = error instanceof PictureError;
    const problem = isKnown
      ? { key: error.message, values: error.values }
      : { key: "unread", values: { error: error.message } };
    self.postMessage({ id: message.id, problem });
  }
};

function loadNetwork({ layers, transform, known }, weights) {
  const text = atob(weights);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return {
    transform,
    layers: layers.map((layer) => prepareLayer(layer, bytes.buffer)),
    known: known && { threshold: known.threshold, features: restoreKnown(known, bytes.buffer) },
  };
}

/** The features of the training pictures that new ones are compared with, one behind another. */
function restoreKnown({ values, scales }, bytes) {
  const stored = readArray(bytes, values);
  const factors = readArray(bytes, scales);
  const length = stored.length / factors.length;
  return Float32Array.from(stored, (value, i) => value * factors[Math.floor(i / length)]);
}

/** Classify a file, or a bitmap of the camera. */
async function classify({ file, bitmap }) {
  const began = performance.now();
  const decoded = bitmap ? { bitmap } : await decodeFile(file, network.transform);
  const pixels = transformPicture(decoded, network.transform);
  decoded.bitmap.close();
  const decodedAt = performance.now();
  const { logits, features } = runLayers(network.layers, normalise(pixels, network.transform));
  const { known } = network;
  return {
    probabilities: softmax(logits),
    isUnknown: known ? findNearestDistance(features, known.features) > known.threshold : null,
    milliseconds: performance.now() - began,
    networkMilliseconds: performance.now() - decodedAt,
  };
}
