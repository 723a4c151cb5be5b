// A model of `s4audio export` as a stream: samples of any number in, logits out.
//
// The same as s4audio/streaming/stream.py. The file holds one graph for any number of chunks:
//
//     audio (batch, time), state.*  ->  logits (batch, frames, classes), next_state.*

import { readMetadata } from './metadata.js';

const STATE = 'state.';
const LOUDEST = 1e6; // larger samples are a mistake, and their products could overflow

/**
 * An endless stream of audio.
 *
 *     const stream = await KeywordStream.load(ort, bytes);
 *     for (const logits of await stream.push(samples)) ...   // a Float32Array for each chunk
 *
 * Calls may overlap; they take effect in their order.
 */
export class KeywordStream {
  #ort;
  #session;
  #shapes;
  #state;
  #pending;
  #last = Promise.resolve();

  /**
   * @param {object} ort - the module onnxruntime-web, in whichever build
   * @param {Uint8Array} bytes - a file of `s4audio export`
   * @param {string} name - of the file, for messages
   * @returns {Promise<KeywordStream>}
   * @throws {Error} the file is damaged, or not one of ours
   */
  static async load(ort, bytes, name = 'the file') {
    const model = describe(bytes, name);
    let session;
    try {
      session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    } catch (error) {
      throw new Error(`${name} is damaged or not an ONNX file: ${firstLine(error)}`);
    }
    try {
      const stream = new KeywordStream(ort, session, model);
      await stream.#rehearse();
      return stream;
    } catch (cause) {
      await session.release();
      throw foreign(name, { cause });
    }
  }

  /** Use `load`. */
  constructor(ort, session, { labels, sampleRate, chunk, window }) {
    /** Names of the classes, in the order of the logits. */
    this.labels = labels;
    /** Samples a second of the audio, in Hz. */
    this.sampleRate = sampleRate;
    /** Samples between two rows of logits. */
    this.chunk = chunk;
    /** Length of the pooling window in seconds. */
    this.windowSeconds = (window * chunk) / sampleRate;
    this.#ort = ort;
    this.#session = session;
    const states = session.inputMetadata.filter(({ name }) => name.startsWith(STATE));
    // The first axis is the number of streams, one here.
    this.#shapes = new Map(states.map(({ name, shape }) => [name, [1, ...shape.slice(1)]]));
    this.#forget();
  }

  /**
   * Logits after each chunk that these samples complete; the rest waits for the next call.
   *
   * @param {Float32Array} samples - waveform in [-1, 1] at the sample rate of the model, any length
   * @returns {Promise<Float32Array[]>} a row for each chunk
   * @throws {Error} another type, or samples that are not finite; the stream is then as it was
   */
  async push(samples) {
    if (!(samples instanceof Float32Array)) throw new Error('samples must be a Float32Array');
    // Not a number compares false too.
    if (!samples.every((x) => Math.abs(x) <= LOUDEST)) {
      throw new Error('samples are not finite, or far outside [-1, 1]');
    }
    return this.#inTurn(() => this.#run(samples));
  }

  /** Forget everything. */
  reset() {
    return this.#inTurn(() => this.#forget());
  }

  /** Free the memory of the model; the stream is of no use afterwards. */
  release() {
    return this.#inTurn(() => this.#session.release());
  }

  /** Whether the graph is what the metadata says: silence must give logits and states. */
  async #rehearse() {
    const silence = new Float32Array(this.chunk);
    // The second chunk takes the states that the first one left.
    for (const rows of [await this.push(silence), await this.push(silence)]) {
      if (rows.length !== 1 || rows[0].length !== this.labels.length) {
        throw new Error(`a chunk gives ${rows.length} rows, the first of ${rows[0]?.length} logits`);
      }
    }
    await this.reset();
  }

  #inTurn(task) {
    const done = this.#last.then(task);
    this.#last = done.catch(() => {});
    return done;
  }

  #forget() {
    this.#pending = new Float32Array(0);
    this.#state = {};
    for (const [name, shape] of this.#shapes) {
      const zeros = new Float32Array(shape.reduce((size, length) => size * length));
      this.#state[name] = new this.#ort.Tensor('float32', zeros, shape);
    }
  }

  async #run(samples) {
    const audio = new Float32Array(this.#pending.length + samples.length);
    audio.set(this.#pending);
    audio.set(samples, this.#pending.length);
    const whole = audio.length - (audio.length % this.chunk);
    const rows = [];
    if (whole) {
      const chunks = new this.#ort.Tensor('float32', audio.subarray(0, whole), [1, whole]);
      const { logits, ...next } = await this.#session.run({ audio: chunks, ...this.#state });
      for (const name of this.#shapes.keys()) this.#state[name] = next[`next_${name}`];
      const classes = this.labels.length;
      for (let at = 0; at < logits.data.length; at += classes) {
        rows.push(logits.data.slice(at, at + classes));
      }
    }
    this.#pending = audio.slice(whole);
    return rows;
  }
}

/** What the metadata says about a model. */
function describe(bytes, name) {
  let metadata;
  try {
    metadata = readMetadata(bytes);
  } catch {
    throw new Error(`${name} is damaged or not an ONNX file`);
  }
  const [sampleRate, chunk, window] = ['sample_rate', 'chunk', 'window'].map((key) =>
    Number(metadata.get(key)),
  );
  const labels = parseJson(metadata.get('labels'));
  const isOurs = [sampleRate, chunk, window].every((x) => Number.isInteger(x) && x > 0);
  if (!isOurs || !isLabels(labels)) throw foreign(name);
  return { labels, sampleRate, chunk, window };
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isLabels(labels) {
  return (
    Array.isArray(labels) && labels.length > 0 && labels.every((label) => typeof label === 'string')
  );
}

function foreign(name, options) {
  return new Error(
    `${name} is not a model of s4audio export: export a checkpoint with it`,
    options,
  );
}

function firstLine(error) {
  return String(error?.message ?? error).trim().split('\n')[0];
}
