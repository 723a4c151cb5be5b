// The page's side of worker.js.

/** The model in its thread; every method returns a promise of what the worker answers. */
export class Engine {
  #worker;
  #waiting = new Map();
  #calls = 0;
  #failure;

  constructor() {
    this.#begin();
  }

  #begin() {
    this.#failure = undefined;
    this.#worker = new Worker('worker.js', { type: 'module' });
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.#worker.onerror = () => {
      this.#failure = new Error(
        "the page's worker does not load in this browser: open the model again, reload the page, " +
          'or use a newer browser',
      );
      this.#worker.terminate();
      for (const { reject } of this.#waiting.values()) reject(this.#failure);
      this.#waiting.clear();
    };
  }

  /** Take a model, after a failure in a new thread: its labels, sampleRate, chunk, windowSeconds. */
  load(name, bytes) {
    if (this.#failure) this.#begin();
    return this.#ask('load', name, bytes);
  }

  /** Begin a recording at this sample rate, with the options of the `Detector`. */
  start(sampleRate, options) {
    return this.#ask('start', sampleRate, options);
  }

  /** Hear a block: events, scores, and the seconds heard and spent so far. */
  hear(samples) {
    return this.#ask('hear', samples);
  }

  /** End the recording with so many seconds of silence; the answer is that of `hear`. */
  finish(silence) {
    return this.#ask('finish', silence);
  }

  async #ask(call, ...values) {
    if (this.#failure) throw this.#failure;
    const id = this.#calls++;
    this.#worker.postMessage({ id, call, values });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
