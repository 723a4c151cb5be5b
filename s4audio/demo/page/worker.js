// The model in a thread of its own, so that the page stays alive while it computes.
//
// Takes { id, call, values }, answers { id, result } or { id, error } in the order of the calls.

import { Listener } from './listener.js';
import { KeywordStream } from './stream.js';

const RUNTIME = './node_modules/onnxruntime-web/dist/ort.wasm.min.mjs';

let stream;
let listener;

const calls = {
  /** Take a model; the one before stays where the new one is refused. */
  async load(name, bytes) {
    const loaded = await KeywordStream.load(await runtime(), bytes, name);
    await stream?.release();
    stream = loaded;
    const { labels, sampleRate, chunk, windowSeconds } = stream;
    return { labels, sampleRate, chunk, windowSeconds };
  },

  /** Begin a recording. */
  async start(sampleRate, options) {
    listener = new Listener(stream, sampleRate, options);
  },

  async hear(samples) {
    return report(await listener.hear(samples));
  },

  async finish(silence) {
    return report(await listener.finish(silence));
  },
};

function report(heard) {
  return { ...heard, seconds: listener.seconds, busySeconds: listener.busySeconds };
}

async function runtime() {
  const ort = await import(RUNTIME).catch(() => {
    throw new Error('onnxruntime-web is missing: run npm install in the folder of this page');
  });
  ort.env.wasm.numThreads = 1;
  return ort;
}

let last = Promise.resolve();
self.onmessage = ({ data: { id, call, values } }) => {
  last = last
    .then(() => calls[call](...values))
    .then(
      (result) => self.postMessage({ id, result }),
      (error) => self.postMessage({ id, error: String(error?.message ?? error) }),
    );
};
