import assert from 'node:assert/strict';
import { test } from 'node:test';

const answers = [];
let answered;
globalThis.self = {
  postMessage(answer) {
    answers.push(answer);
    answered();
  },
};
await import('../worker.js');

/** The answer to a call in which this is thrown. */
async function answerTo(id, thrown) {
  const values = {
    [Symbol.iterator]() {
      throw thrown;
    },
  };
  await new Promise((resolve) => {
    answered = resolve;
    self.onmessage({ data: { id, call: 'hear', values } });
  });
  return answers.pop();
}

test('whatever is thrown is answered as text', { timeout: 10_000 }, async () => {
  assert.deepEqual(await answerTo(0, new Error('too loud')), { id: 0, error: 'too loud' });
  // WebAssembly throws numbers.
  assert.deepEqual(await answerTo(1, 1_234_567), { id: 1, error: '1234567' });
  assert.deepEqual(await answerTo(2, undefined), { id: 2, error: 'undefined' });
});
