import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Detector } from '../detector.js';

const LABELS = ['_silence_', 'yes', 'no'];

/** Logits whose posteriors are these. */
function rows(...posteriors) {
  return posteriors.map((row) => Float32Array.from(row, Math.log));
}

const silence = [0.98, 0.01, 0.01];
const yes = [0.02, 0.97, 0.01];
const no = [0.02, 0.01, 0.97];

const immediately = { smoothing: 0, refractory: 0 };

test('the example of the Python documentation', () => {
  const detector = new Detector(['_silence_', 'yes'], 0.25, { smoothing: 0.5 });
  const logits = [[9, 0], [0, 9], [0, 9]].map((row) => Float32Array.from(row));
  const [event, ...others] = detector.push(logits);
  assert.equal(others.length, 0);
  assert.ok(Math.abs(event.score - 0.9998766053467989) < 1e-9);
  assert.deepEqual({ ...event, score: 0 }, { word: 'yes', score: 0, start: 0.25, end: 0.75 });
});

test('a rise gives one event, however long and however it wavers', () => {
  const detector = new Detector(LABELS, 1, immediately);
  const wavering = [0.4, 0.5, 0.1];
  const events = detector.push(rows(silence, yes, wavering, yes, yes, silence, yes));
  assert.deepEqual(events.map(({ word, start, end }) => [word, start, end]), [
    ['yes', 1, 2],
    ['yes', 6, 7],
  ]);
});

test('nothing within the refractory time, of any word; the rise still counts afterwards', () => {
  const detector = new Detector(LABELS, 1, { smoothing: 0, refractory: 3 });
  const events = detector.push(rows(yes, no, no, no, no));
  assert.deepEqual(events.map(({ word, start, end }) => [word, start, end]), [
    ['yes', 0, 1],
    ['no', 1, 4],
  ]);
});

test('the higher score of a row wins', () => {
  const detector = new Detector(LABELS, 1, { ...immediately, threshold: 0.3 });
  assert.equal(detector.push(rows([0.1, 0.4, 0.5]))[0].word, 'no');
});

test('background is never an event', () => {
  const detector = new Detector(LABELS, 1, immediately);
  assert.deepEqual(detector.push(rows(silence, silence)), []);
});

test('thresholds of single words', () => {
  const detector = new Detector(LABELS, 1, { ...immediately, thresholds: { yes: 0.99 } });
  assert.deepEqual(detector.push(rows(yes, no)).map(({ word }) => word), ['no']);
});

test('a word may be named like a property that every object inherits', () => {
  const labels = ['_silence_', 'constructor', 'no'];
  const detector = new Detector(labels, 1, { ...immediately, thresholds: { no: 0.5 } });
  assert.deepEqual(detector.push(rows(yes)).map(({ word }) => word), ['constructor']);
});

test('the split into calls does not matter, and reset forgets', () => {
  const all = rows(silence, yes, yes, silence, no, no, no, silence, yes, yes);
  const options = { smoothing: 2, refractory: 2, threshold: 0.6 };
  const detector = new Detector(LABELS, 1, options);
  const once = detector.push(all);
  assert.ok(once.length > 1);
  detector.reset();
  assert.deepEqual([...detector.scores], [0, 0, 0]);
  assert.deepEqual(all.flatMap((row) => detector.push([row])), once);
});

test('smoothing is rounded to rows as in Python: 2.5 rows are 2', () => {
  const detector = new Detector(LABELS, 1, { smoothing: 2.5 });
  detector.push(rows(yes));
  assert.ok(Math.abs(detector.scores[1] - 0.97 / 2) < 1e-6);
});

test('refuses options outside their range', () => {
  for (const options of [{ threshold: 0 }, { threshold: 1.1 }, { threshold: NaN }]) {
    assert.throws(() => new Detector(LABELS, 1, options), /threshold must be above 0/);
  }
  assert.throws(() => new Detector(LABELS, 1, { smoothing: -1 }), /smoothing must be at least 0/);
  assert.throws(() => new Detector(LABELS, 1, { refractory: Infinity }), /refractory must be/);
  assert.throws(() => new Detector(LABELS, 1, { thresholds: { maybe: 0.5 } }), /no word maybe/);
  assert.throws(() => new Detector(['_silence_'], 1), /none of the classes/);
});

test('refuses logits that are not finite, and stays as it was', () => {
  const detector = new Detector(LABELS, 1, { smoothing: 3 });
  detector.push(rows(yes));
  const { scores } = detector;
  assert.throws(() => detector.push([...rows(no), Float32Array.of(0, NaN, 0)]), /NaN/);
  assert.deepEqual(detector.scores, scores);
});
