// From a stream's logits to events: which word, how sure, when.
//
// The same definition as s4audio/streaming/detector.py, which docs/listen.md explains: the posteriors
// of the last `smoothing` seconds are averaged to scores; the rows in a row in which a word's score
// is at least half its threshold are a rise; an event is the first row of a rise in which the score
// reaches the threshold, `refractory` seconds after the last event of any word.

// Posteriors are summed as multiples of 1 / UNITS: a running sum of whole numbers cannot drift.
const UNITS = 2 ** 30;

/** Turns rows of logits into events `{ word, score, start, end }`, times in seconds of the stream. */
export class Detector {
  #thresholds;
  #recent;
  #sums;
  #rise;
  #reported;
  #window;
  #refractoryRows;
  #row;
  #resume;

  /**
   * @param {string[]} labels - names of the classes, in the order of the logits
   * @param {number} rowSeconds - time between two rows of logits, `chunk / sampleRate` of a stream
   * @param {object} [options]
   * @param {number} [options.threshold] - score of an event, above 0, at most 1
   * @param {Object<string, number>} [options.thresholds] - other thresholds for some of the words
   * @param {number} [options.smoothing] - time over which posteriors are averaged, in seconds
   * @param {number} [options.refractory] - least time between two events, in seconds
   * @throws {Error} a value is outside its range, or no class is a word
   */
  constructor(
    labels,
    rowSeconds,
    { threshold = 0.8, thresholds = {}, smoothing = 0.3, refractory = 1 } = {},
  ) {
    requireSeconds({ smoothing, refractory });
    this.labels = labels;
    this.rowSeconds = rowSeconds;
    this.#thresholds = classThresholds(labels, threshold, thresholds);
    this.#window = Math.max(1, roundHalfToEven(smoothing / rowSeconds));
    // The margin keeps 0.3 s of 0.1 s rows at three rows, not four.
    this.#refractoryRows = Math.ceil(refractory / rowSeconds - 1e-9);
    this.reset();
  }

  /** Forget everything heard, as if the stream began anew. */
  reset() {
    const classes = this.labels.length;
    this.#row = 0;
    this.#resume = 0;
    this.#recent = Array.from({ length: this.#window }, () => new Float64Array(classes));
    this.#sums = new Float64Array(classes);
    this.#rise = new Array(classes).fill(-1);
    this.#reported = new Array(classes).fill(false);
  }

  /** Smoothed posteriors of the newest row; zeros before the first. */
  get scores() {
    return this.#sums.map((sum) => sum / (this.#window * UNITS));
  }

  /**
   * Hear more rows; how they are split into calls does not change the events.
   *
   * @param {Float32Array[]} rows - logits, a row for each chunk
   * @returns {{word: string, score: number, start: number, end: number}[]} in the order of time
   * @throws {Error} a logit is not finite
   */
  push(rows) {
    const posteriors = rows.map(softmaxUnits);
    return posteriors.map((row) => this.#hear(row)).filter((event) => event !== null);
  }

  #hear(posteriors) {
    const row = this.#row++;
    const oldest = this.#recent[row % this.#window];
    this.#recent[row % this.#window] = posteriors;
    this.#sums.forEach((sum, i) => (this.#sums[i] = sum + posteriors[i] - oldest[i]));

    const scores = this.scores;
    let best = -1;
    for (const [i, score] of scores.entries()) {
      if (score < this.#thresholds[i] / 2) {
        this.#rise[i] = -1;
        this.#reported[i] = false;
        continue;
      }
      if (this.#rise[i] < 0) this.#rise[i] = row;
      const ready = score >= this.#thresholds[i] && !this.#reported[i];
      if (ready && (best < 0 || score > scores[best])) best = i;
    }
    if (best < 0 || row < this.#resume) return null;
    this.#reported[best] = true;
    this.#resume = row + this.#refractoryRows;
    return {
      word: this.labels[best],
      score: scores[best],
      start: this.#rise[best] * this.rowSeconds,
      end: (row + 1) * this.rowSeconds,
    };
  }
}

/** Whether a class is a word, and not background such as `_silence_`. */
export function isEvent(label) {
  return !label.startsWith('_');
}

function requireSeconds(times) {
  for (const [name, seconds] of Object.entries(times)) {
    if (!(seconds >= 0 && seconds < Infinity)) {
      throw new Error(`${name} must be at least 0 seconds, got ${seconds}`);
    }
  }
}

/** One threshold a class, infinite for those that are no events. */
function classThresholds(labels, threshold, thresholds) {
  const words = labels.filter(isEvent);
  if (!words.length) {
    throw new Error(`none of the classes ${labels.join(', ')} is a word to detect`);
  }
  for (const word of Object.keys(thresholds)) {
    if (!words.includes(word)) {
      throw new Error(`no word ${word} to have a threshold; the words are ${words.join(', ')}`);
    }
  }
  for (const [name, value] of [['threshold', threshold], ...Object.entries(thresholds)]) {
    if (!(value > 0 && value <= 1)) {
      throw new Error(`${name}: a threshold must be above 0 and at most 1, got ${value}`);
    }
  }
  return labels.map((label) => {
    if (!isEvent(label)) return Infinity;
    // Every object inherits a `constructor`, which may be a word too.
    return Object.hasOwn(thresholds, label) ? thresholds[label] : threshold;
  });
}

/** Softmax of a row in whole units. */
function softmaxUnits(logits) {
  if (!logits.every(Number.isFinite)) {
    throw new Error('logits contain NaN or infinity: reset the stream and check its model');
  }
  const largest = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power);
  return powers.map((power) => roundHalfToEven((power / sum) * UNITS));
}

/** As Python and NumPy round. */
function roundHalfToEven(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 ? up - 1 : up;
}
