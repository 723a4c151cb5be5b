// Change the sample rate of audio that arrives in blocks.

const ZERO_CROSSINGS = 32; // of the sinc on each side: how steep the filter is
const ROLLOFF = 0.945; // cutoff as a part of the lower Nyquist frequency
const BETA = 10; // of the Kaiser window: what lies above is damped by 100 dB

/**
 * A windowed sinc filter that carries the last samples from block to block.
 *
 * The blocks that come out, joined, are what the whole recording would give at once. Output n is the
 * sound at time n / toRate: the filter waits for the samples that follow (2 ms at 16 kHz).
 */
export class StreamResampler {
  #step; // input samples between two outputs are step / phases
  #phases;
  #filters; // one for each position of an output between two input samples
  #reach; // input samples on each side of an output
  #recent; // input from the first sample that the next output needs
  #phase = 0;

  /**
   * @param {number} fromRate - sample rate of what goes in, Hz
   * @param {number} toRate - sample rate of what comes out, Hz
   */
  constructor(fromRate, toRate) {
    const common = greatestCommonDivisor(fromRate, toRate);
    this.#step = fromRate / common;
    this.#phases = toRate / common;
    this.#filters = new Array(this.#phases);
    this.#reach = Math.ceil(ZERO_CROSSINGS / (ROLLOFF * Math.min(1, toRate / fromRate)));
    this.#recent = new Float32Array(this.#reach - 1);
  }

  /**
   * @param {Float32Array} samples - one block, any length
   * @returns {Float32Array} the block at the other rate, possibly empty
   */
  push(samples) {
    if (this.#phases === this.#step) return samples;
    const input = new Float32Array(this.#recent.length + samples.length);
    input.set(this.#recent);
    input.set(samples, this.#recent.length);
    const taps = 2 * this.#reach;
    const output = [];
    let at = 0;
    while (at + taps <= input.length) {
      const filter = (this.#filters[this.#phase] ??= this.#filter(this.#phase));
      let sum = 0;
      for (let i = 0; i < taps; i++) sum += filter[i] * input[at + i];
      output.push(sum);
      this.#phase += this.#step;
      at += Math.floor(this.#phase / this.#phases);
      this.#phase %= this.#phases;
    }
    this.#recent = input.slice(at);
    return Float32Array.from(output);
  }

  /** End the stream: what was held back. */
  flush() {
    const isIdentity = this.#phases === this.#step;
    return this.push(new Float32Array(isIdentity ? 0 : this.#reach));
  }

  /** Weights of the input samples around an output `phase / phases` after the middle one. */
  #filter(phase) {
    const cutoff = ROLLOFF * Math.min(1, this.#phases / this.#step);
    const weights = Float64Array.from({ length: 2 * this.#reach }, (_, i) => {
      const distance = i - (this.#reach - 1) - phase / this.#phases;
      return sinc(cutoff * distance) * kaiser(distance / this.#reach);
    });
    const sum = weights.reduce((total, weight) => total + weight);
    return weights.map((weight) => weight / sum);
  }
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

function sinc(x) {
  return x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1;
}

/** Kaiser window on [-1, 1]. */
function kaiser(x) {
  return Math.abs(x) < 1 ? bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA) : 0;
}

/** Modified Bessel function of the first kind and order 0, as its power series. */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
