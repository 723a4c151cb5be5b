// Against Python: tests/demo/test_node.py exports models, writes what Python makes of a sound, and
// runs this file with S4AUDIO_DEMO_EXAMPLE naming their folder.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Listener } from '../listener.js';
import { StreamResampler } from '../resampler.js';
import { KeywordStream } from '../stream.js';

const folder = process.env.S4AUDIO_DEMO_EXAMPLE;
const skip = folder ? false : 'needs models and answers from Python: run pytest tests/demo';

const TOLERANCE = 1e-4;
const ODD_LENGTHS = [1, 7, 159, 160, 161, 0, 1000, 3, 4093, 12_345];

const file = (name) => new Uint8Array(readFileSync(join(folder, name)));
const samples = (name) => new Float32Array(file(name).buffer);

async function runtime() {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  return ort;
}

function* cut(sound) {
  for (let at = 0, turn = 0; at < sound.length; turn++) {
    const length = ODD_LENGTHS[turn % ODD_LENGTHS.length];
    yield sound.slice(at, at + length);
    at += length;
  }
}

function assertClose(actual, expected) {
  assert.equal(actual.length, expected.length);
  const difference = Math.max(...actual.map((x, i) => Math.abs(x - expected[i])));
  assert.ok(difference <= TOLERANCE, `differs by ${difference}`);
}

describe('a stream', { skip }, () => {
  const example = folder
    ? JSON.parse(readFileSync(join(folder, 'example.json')))
    : { models: [], edited: [] };

  for (const { name, sound, logits } of example.models) {
    test(`of ${name} gives the logits of Python, in pieces of odd lengths`, async () => {
      const stream = await KeywordStream.load(await runtime(), file(name), name);
      const rows = [];
      for (const piece of cut(samples(sound))) rows.push(...(await stream.push(piece)));
      assertClose(rows.flatMap((row) => [...row]), logits.flat());
    });
  }

  test('describes its model', async () => {
    const { labels, sampleRate, chunk, windowSeconds } = await shipped();
    assert.deepEqual({ labels, sampleRate, chunk, windowSeconds }, example.description);
  });

  test('keeps the order of calls that overlap', async () => {
    const stream = await shipped();
    const pieces = [...cut(samples('words.f32').subarray(0, 40_000))];
    const rows = await Promise.all(pieces.map((piece) => stream.push(piece)));
    const expected = example.models[0].logits.slice(0, 40_000 / stream.chunk);
    assertClose(rows.flat().flatMap((row) => [...row]), expected.flat());
  });

  test('forgets everything when reset', async () => {
    const stream = await shipped();
    const sound = samples('words.f32').subarray(0, 10_001);
    const first = await stream.push(sound);
    await stream.reset();
    assert.deepEqual(await stream.push(sound), first);
  });

  test('refuses other samples and stays as it was', async () => {
    const stream = await shipped();
    const sound = samples('words.f32').subarray(0, 10_001);
    const expected = await stream.push(sound);
    await stream.reset();
    await assert.rejects(stream.push([0.5]), /must be a Float32Array/);
    await assert.rejects(stream.push(Float32Array.of(0, NaN)), /not finite/);
    await assert.rejects(stream.push(Float32Array.of(1e7)), /not finite, or far outside/);
    assert.deepEqual(await stream.push(sound), expected);
  });

  test('is not made of a file that is none of ours', async () => {
    const load = async (bytes, name) => KeywordStream.load(await runtime(), bytes, name);
    const text = new TextEncoder().encode('RIFF....WAVEfmt ');
    const model = file('shipped.onnx');
    const noGraph = file('no_graph.onnx');
    await assert.rejects(load(file('foreign.onnx'), 'f.onnx'), /f.onnx is not a model of s4audio/);
    await assert.rejects(load(text, 't.onnx'), /t.onnx is damaged or not an ONNX file/);
    await assert.rejects(load(new Uint8Array(0), 'e.onnx'), /e.onnx is not a model of s4audio/);
    await assert.rejects(load(model.subarray(0, -300), 'cut'), /cut is damaged or not an ONNX/);
    await assert.rejects(load(noGraph, 'no'), /^Error: no is damaged or not an ONNX file: .+$/);
  });

  for (const name of example.edited) {
    test(`is not made of ours after an edit: ${name}`, async () => {
      const message = `${name} is not a model of s4audio export: export a checkpoint with it`;
      const load = KeywordStream.load(await runtime(), file(name), name);
      await assert.rejects(load, { message });
    });
  }

  test('hears the events of Python', async () => {
    const listener = new Listener(await shipped(), 16_000, example.options);
    assertEvents(await hearAll(listener, samples('words.f32')), TOLERANCE);
    assert.ok(listener.busySeconds > 0);
  });

  test('hears them at another sample rate too', async () => {
    const up = new StreamResampler(16_000, 44_100);
    const sound = up.push(samples('words.f32'));
    const listener = new Listener(await shipped(), 44_100, example.options);
    assertEvents(await hearAll(listener, sound), 0.05);
  });

  async function shipped() {
    return KeywordStream.load(await runtime(), file('shipped.onnx'), 'shipped.onnx');
  }

  async function hearAll(listener, sound) {
    const events = [];
    for (const piece of cut(sound)) events.push(...(await listener.hear(piece)).events);
    return [...events, ...(await listener.finish(example.options.smoothing)).events];
  }

  function assertEvents(events, tolerance) {
    assert.deepEqual(events.map(({ word }) => word), example.events.map(({ word }) => word));
    for (const [i, event] of events.entries()) {
      for (const key of ['score', 'start', 'end']) {
        const difference = Math.abs(event[key] - example.events[i][key]);
        assert.ok(difference <= tolerance, `${key} of ${event.word} differs by ${difference}`);
      }
    }
  }
});
