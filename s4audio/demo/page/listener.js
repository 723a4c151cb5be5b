// From blocks of audio to events: resampling, the model and the detector.

import { Detector } from './detector.js';
import { StreamResampler } from './resampler.js';

/** Hears one recording; as s4audio/streaming/listener.py. */
export class Listener {
  #stream;
  #detector;
  #resampler;
  #sampleRate;

  /**
   * @param {import('./stream.js').KeywordStream} stream - the model; it is reset
   * @param {number} sampleRate - of the blocks, in Hz
   * @param {object} options - of the `Detector`
   */
  constructor(stream, sampleRate, options) {
    this.#stream = stream;
    this.#detector = new Detector(stream.labels, stream.chunk / stream.sampleRate, options);
    this.#resampler = new StreamResampler(sampleRate, stream.sampleRate);
    this.#sampleRate = sampleRate;
    /** Length of what was heard, in seconds. */
    this.seconds = 0;
    /** Time spent on it, in seconds. */
    this.busySeconds = 0;
    stream.reset();
  }

  /**
   * Hear one block.
   *
   * @param {Float32Array} samples - mono, any length
   * @returns {Promise<{events: object[], scores: Float64Array}>} what was recognised, and the newest
   *   smoothed scores
   */
  async hear(samples) {
    const begun = performance.now();
    const heard = await this.#detect(this.#resampler.push(samples));
    this.busySeconds += (performance.now() - begun) / 1000;
    this.seconds += samples.length / this.#sampleRate;
    return heard;
  }

  /**
   * End the recording. A word at the very end needs silence after it, because pooling and smoothing
   * lag behind the sound.
   *
   * @param {number} silence - seconds of it
   */
  async finish(silence) {
    const rest = this.#resampler.flush();
    const samples = Math.round(silence * this.#stream.sampleRate) + this.#stream.chunk - 1;
    const padded = new Float32Array(rest.length + samples);
    padded.set(rest);
    return this.#detect(padded);
  }

  async #detect(samples) {
    const events = this.#detector.push(await this.#stream.push(samples));
    return { events, scores: this.#detector.scores };
  }
}
