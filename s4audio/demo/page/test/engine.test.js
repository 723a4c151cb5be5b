import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Engine } from '../engine.js';

let worker;
globalThis.Worker = class {
  constructor() {
    worker = this;
  }
  postMessage(message) {
    this.asked = message;
  }
  terminate() {}
};

test('a call is answered by the result or the error of the worker', async () => {
  const engine = new Engine();
  const loaded = engine.load('m.onnx', new Uint8Array(0));
  worker.onmessage({ data: { id: worker.asked.id, result: { labels: ['a'] } } });
  assert.deepEqual(await loaded, { labels: ['a'] });
  const heard = engine.hear(new Float32Array(0));
  worker.onmessage({ data: { id: worker.asked.id, error: 'no model' } });
  await assert.rejects(heard, { message: 'no model' });
});

test('every call fails if the worker does not load', { timeout: 10_000 }, async () => {
  const engine = new Engine();
  const calls = [engine.load('m.onnx', new Uint8Array(0)), engine.start(16_000, {})];
  worker.onerror?.(new Event('error'));
  calls.push(engine.hear(new Float32Array(0)));
  for (const call of calls) {
    await assert.rejects(call, /^Error: the page's worker does not load in this browser: /);
  }
});

test('a model that is opened after a failure gets a new worker', { timeout: 10_000 }, async () => {
  const engine = new Engine();
  const failed = engine.load('m.onnx', new Uint8Array(0));
  worker.onerror(new Event('error'));
  await assert.rejects(failed);
  const loaded = engine.load('m.onnx', new Uint8Array(0));
  worker.onmessage({ data: { id: worker.asked.id, result: { labels: ['a'] } } });
  assert.deepEqual(await loaded, { labels: ['a'] });
});
