// The order in which the page asks its worker, in Node with stubs of what browsers have.
// tests/demo/test_page.py runs the page in a real one.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

const MODEL = { labels: ['a'], sampleRate: 16_000, chunk: 160, windowSeconds: 1 };
const HEARD = { events: [], scores: [0], seconds: 1, busySeconds: 0 };
const MICROPHONE = 9; // its samples; those of a recording are its file's number

let elements;
let asked; // of the worker, in order: calls, and with `hear` the first sample
let permit; // answers the question for the microphone
let openMicrophones;

class StubElement {
  classList = { add() {}, remove() {} };
  textContent = '';
  append() {}
  prepend() {}
  replaceChildren() {}
  reportValidity() {
    return true;
  }
}

class StubWorker {
  #last = Promise.resolve();

  postMessage({ id, call, values: [value] }) {
    asked.push(call === 'hear' ? `hear ${value[0]}` : call);
    const result = call === 'load' ? MODEL : HEARD;
    this.#last = this.#last.then(() => wait(1)).then(() => this.onmessage({ data: { id, result } }));
  }
}

class StubOfflineContext {
  async decodeAudioData(sample) {
    const samples = new Float32Array(3 * MODEL.sampleRate).fill(sample);
    return { length: samples.length, numberOfChannels: 1, getChannelData: () => samples };
  }
}

class StubContext {
  sampleRate = 48_000;
  state = 'running';
  audioWorklet = { async addModule() {} };
  createMediaStreamSource() {
    return { connect() {} };
  }
  async resume() {}
  async close() {
    this.state = 'closed';
    openMicrophones--;
  }
}

class StubCapture {
  constructor(context) {
    this.port = {};
    const block = new Float32Array(0.05 * context.sampleRate).fill(MICROPHONE);
    const timer = setInterval(() => {
      if (context.state === 'closed') clearInterval(timer);
      else this.port.onmessage({ data: block });
    }, 2);
    timer.unref(); // a microphone that stays open must not keep Node from its end
  }
}

async function getUserMedia() {
  await new Promise((resolve) => (permit = resolve));
  openMicrophones++;
  return { getTracks: () => [] };
}

const stubs = {
  document: {
    body: new StubElement(),
    getElementById: (id) => (elements[id] ??= new StubElement()),
    createElement: () => Object.assign(new StubElement(), { parentElement: new StubElement() }),
  },
  FormData: class {
    *[Symbol.iterator]() {
      yield ['smoothing', '0.3'];
    }
  },
  Worker: StubWorker,
  OfflineAudioContext: StubOfflineContext,
  AudioContext: StubContext,
  AudioWorkletNode: StubCapture,
  navigator: { mediaDevices: { getUserMedia } },
  fetch: async () => ({ ok: true, arrayBuffer: async () => new ArrayBuffer(0) }),
};
for (const [name, value] of Object.entries(stubs)) {
  Object.defineProperty(globalThis, name, { value });
}

let pages = 0;
beforeEach(async () => {
  elements = {};
  asked = [];
  openMicrophones = 0;
  await import(`../page.js?${pages++}`);
  await until(() => elements.microphone?.disabled === false);
  asked = [];
});

async function until(condition) {
  for (let turn = 0; !condition(); turn++) {
    assert.ok(turn < 500, `never true: ${condition}; the worker was asked: ${asked.join(', ')}`);
    await wait(2);
  }
}

/** Drop a file whose bytes come after so many turns of other tasks. */
function drop(name, turns = 0) {
  const file = {
    name,
    async arrayBuffer() {
      for (let turn = 0; turn < turns; turn++) await undefined;
      return Number.parseInt(name);
    },
  };
  document.ondrop({ preventDefault() {}, dataTransfer: { files: [file] } });
}

function press() {
  elements.microphone.onclick();
}

async function plays(sample) {
  await until(() => asked.includes(`hear ${sample}`));
}

/** What was asked until nothing more is heard, blocks of the same sound once. */
async function allAsked() {
  await until(() => elements.microphone.textContent === 'Microphone');
  await wait(50); // whatever ought not to play still
  assert.equal(elements.error.textContent, '');
  return asked.filter((what, i) => what !== asked[i - 1] || !what.startsWith('hear'));
}

const LATE = 20; // turns, of a file whose bytes come after those of another

test('a recording is heard to its end', async () => {
  drop('1.wav');
  await plays(1);
  assert.deepEqual(await allAsked(), ['start', 'hear 1', 'finish']);
});

test('of two recordings opened at once only one is heard', async () => {
  drop('1.wav');
  await plays(1);
  drop('2.wav');
  drop('3.wav');
  await plays(3);
  assert.deepEqual(await allAsked(), ['start', 'hear 1', 'start', 'start', 'hear 3', 'finish']);
});

test('a recording opened together with a model waits for it', async () => {
  drop('1.wav');
  await plays(1);
  drop('m.onnx');
  drop('2.wav', LATE);
  await plays(2);
  assert.deepEqual(await allAsked(), ['start', 'hear 1', 'load', 'start', 'hear 2', 'finish']);
});

test('a model opened together with a recording ends it', async () => {
  drop('1.wav');
  await plays(1);
  drop('2.wav');
  drop('m.onnx', LATE);
  await until(() => asked.includes('load'));
  assert.deepEqual(await allAsked(), ['start', 'hear 1', 'start', 'load']);
});

test('a recording opened together with the microphone takes over from it', async () => {
  press();
  drop('1.wav');
  await plays(1);
  permit();
  drop('2.wav', LATE);
  await plays(2);
  assert.deepEqual(await allAsked(), ['start', 'hear 1', 'start', 'start', 'hear 2', 'finish']);
  assert.equal(openMicrophones, 0);
});

test('the microphone opened together with a recording takes over from it', async () => {
  press();
  drop('1.wav');
  await plays(1);
  drop('2.wav');
  for (let turn = 0; turn < LATE; turn++) await undefined;
  permit();
  await plays(MICROPHONE);
  press();
  const expected = ['start', 'hear 1', 'start', 'start', `hear ${MICROPHONE}`];
  assert.deepEqual(await allAsked(), expected);
  assert.equal(openMicrophones, 0);
});
