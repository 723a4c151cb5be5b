import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StreamResampler } from '../resampler.js';

function tone(frequency, sampleRate, seconds = 0.5) {
  return Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) =>
    Math.sin((2 * Math.PI * frequency * i) / sampleRate),
  );
}

function resample(samples, fromRate, toRate, blockLength = samples.length) {
  const resampler = new StreamResampler(fromRate, toRate);
  const parts = [];
  for (let at = 0; at < samples.length; at += blockLength) {
    parts.push(...resampler.push(samples.slice(at, at + blockLength)));
  }
  return Float32Array.from([...parts, ...resampler.flush()]);
}

/** Largest value away from the ends, where the tone begins and stops. */
function largest(samples) {
  const margin = Math.round(samples.length / 10);
  return samples.slice(margin, -margin).reduce((peak, x) => Math.max(peak, Math.abs(x)), 0);
}

for (const fromRate of [48_000, 44_100, 8_000, 22_050, 96_000]) {
  test(`a tone at ${fromRate} Hz is the same tone at 16000 Hz, at the same time`, () => {
    const expected = tone(1234, 16_000);
    const result = resample(tone(1234, fromRate), fromRate, 16_000);
    assert.ok(Math.abs(result.length - expected.length) <= 1, `${result.length} samples`);
    const difference = expected.map((x, i) => x - (result[i] ?? 0));
    assert.ok(largest(difference) < 1e-3, `differs by ${largest(difference)}`);
  });
}

test('what the lower rate cannot hold is removed', () => {
  assert.ok(largest(resample(tone(8500, 48_000), 48_000, 16_000)) < 1e-3);
  assert.ok(largest(resample(tone(15_000, 44_100), 44_100, 16_000)) < 1e-4);
});

test('the split into blocks does not matter', () => {
  const sound = tone(700, 44_100, 0.1);
  const whole = resample(sound, 44_100, 16_000);
  for (const length of [1, 7, 441]) {
    assert.deepEqual(resample(sound, 44_100, 16_000, length), whole);
  }
});

test('equal rates change nothing', () => {
  const sound = tone(700, 16_000, 0.1);
  assert.deepEqual(resample(sound, 16_000, 16_000), sound);
});
