// Runs in the audio thread: hands on the microphone as mono blocks.

const BLOCK_SECONDS = 0.05;

class Capture extends AudioWorkletProcessor {
  #block = new Float32Array(Math.round(BLOCK_SECONDS * sampleRate));
  #filled = 0;

  process([channels]) {
    // There are no channels while the device is starting.
    for (let i = 0; i < (channels[0]?.length ?? 0); i++) {
      this.#block[this.#filled++] =
        channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
      if (this.#filled === this.#block.length) {
        this.port.postMessage(this.#block);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('capture', Capture);
