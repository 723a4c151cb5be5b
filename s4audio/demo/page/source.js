// Where sound comes from: a file or the microphone.

/**
 * Decode a recording, mixed to mono.
 *
 * @param {File} file - in any format the browser plays
 * @param {number} sampleRate - to decode to, Hz
 * @returns {Promise<Float32Array>}
 * @throws {Error} it is no recording
 */
export async function decode(file, sampleRate) {
  const context = new OfflineAudioContext(1, 1, sampleRate);
  let audio;
  try {
    audio = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name} is neither a model (.onnx) nor a recording that the browser plays`);
  }
  const mono = new Float32Array(audio.length);
  for (let i = 0; i < audio.numberOfChannels; i++) {
    audio.getChannelData(i).forEach((x, at) => (mono[at] += x / audio.numberOfChannels));
  }
  return mono;
}

/** The default input device, as it is: no processing of the browser's. */
export class Microphone {
  #context;
  #media;
  #capture;

  /**
   * @returns {Promise<Microphone>}
   * @throws {Error} there is none, or the browser refuses it
   */
  static async open() {
    if (!navigator.mediaDevices) {
      throw new Error('browsers give the microphone only to pages from localhost or over https');
    }
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try {
      return new Microphone(await navigator.mediaDevices.getUserMedia({ audio }));
    } catch (error) {
      throw new Error(REFUSALS[error.name] ?? `the microphone does not open: ${error.message}`);
    }
  }

  /** Use `open`. */
  constructor(media) {
    this.#media = media;
    this.#context = new AudioContext();
    /** Sample rate of the blocks, Hz. */
    this.sampleRate = this.#context.sampleRate;
  }

  /**
   * @param {(block: Float32Array) => void} onBlock - called every 50 ms
   * @param {() => void} onEnd - called if the device goes away
   */
  async start(onBlock, onEnd) {
    await this.#context.audioWorklet.addModule('capture.js');
    this.#capture = new AudioWorkletNode(this.#context, 'capture', { numberOfOutputs: 0 });
    this.#capture.port.onmessage = ({ data }) => onBlock(data);
    this.#context.createMediaStreamSource(this.#media).connect(this.#capture);
    this.#media.getTracks().forEach((track) => (track.onended = onEnd));
    await this.#context.resume();
  }

  /** Give the device back; no block comes after this. */
  close() {
    if (this.#capture) this.#capture.port.onmessage = null;
    this.#media.getTracks().forEach((track) => track.stop());
    return this.#context.close();
  }
}

const REFUSALS = {
  NotAllowedError: 'the browser refused the microphone: allow it for this page and try again',
  NotFoundError: 'no microphone found: connect one, or open a recording',
  NotReadableError: 'the microphone is in use by another program: close that and try again',
};
