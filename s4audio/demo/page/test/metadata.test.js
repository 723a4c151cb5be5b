import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readMetadata } from '../metadata.js';

const encoder = new TextEncoder();

/** A field with bytes; lengths take one or two bytes. */
function field(number, bytes) {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return [number * 8 + 2, ...length, ...bytes];
}

function property(key, value) {
  return field(14, [...field(1, encoder.encode(key)), ...field(2, encoder.encode(value))]);
}

const irVersion = [8, 10];
const graph = field(7, new Uint8Array(1000).fill(14 * 8 + 2));

test('finds the properties and nothing else', () => {
  const bytes = [...irVersion, ...graph, ...property('chunk', '160'), ...property('labels', '["ja"]')];
  const metadata = readMetadata(Uint8Array.from(bytes));
  assert.deepEqual([...metadata], [['chunk', '160'], ['labels', '["ja"]']]);
});

test('reads text in any script, and the last value of a key', () => {
  const bytes = [...property('word', 'yes'), ...property('word', 'наш 音')];
  assert.equal(readMetadata(Uint8Array.from(bytes)).get('word'), 'наш 音');
});

test('skips fields of fixed length', () => {
  const bytes = [8 + 1, 1, 2, 3, 4, 5, 6, 7, 8, 16 + 5, 1, 2, 3, 4, ...property('chunk', '1')];
  assert.equal(readMetadata(Uint8Array.from(bytes)).get('chunk'), '1');
});

test('has nothing for an empty file', () => {
  assert.equal(readMetadata(new Uint8Array(0)).size, 0);
});

test('refuses a file that was cut, wherever', () => {
  const whole = Uint8Array.from([...graph, ...property('chunk', '160')]);
  const boundary = graph.length;
  for (let end = 1; end < whole.length; end++) {
    if (end === boundary) continue;
    assert.throws(() => readMetadata(whole.subarray(0, end)), RangeError, `cut after ${end}`);
  }
});

test('refuses what is no protobuf message', () => {
  assert.throws(() => readMetadata(encoder.encode('{"labels": []}')), RangeError);
  assert.throws(() => readMetadata(new Uint8Array(20).fill(255)), RangeError);
});
