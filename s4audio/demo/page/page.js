// The page: takes files and the microphone, shows what the engine hears.

import { Engine } from './engine.js';
import { Microphone, decode } from './source.js';

const BLOCK_SECONDS = 0.5; // of a file
const PATIENCE = 30; // seconds of sound that may wait for a slow computer; what follows is lost

const $ = (id) => document.getElementById(id);
const engine = new Engine();
let model; // what the engine says about its model
let recording; // { stop } while something is heard
let meters = [];

/** Run an action of the user's and show its error, one line, instead of throwing it. */
async function attempt(action) {
  $('error').textContent = '';
  try {
    await action();
  } catch (error) {
    $('error').textContent = error.message;
  }
}

async function open(file) {
  if (file.name.toLowerCase().endsWith('.onnx')) {
    await load(file.name, new Uint8Array(await file.arrayBuffer()));
  } else if (model) {
    await hearFile(file);
  } else {
    throw new Error(`open a model (.onnx) before ${file.name}`);
  }
}

async function load(name, bytes) {
  while (recording) await recording.stop(); // as in `record`
  model = await engine.load(name, bytes);
  const { labels, sampleRate, chunk, windowSeconds } = model;
  $('model').textContent =
    `${name}: ${labels.length} classes, ${sampleRate} Hz, an answer every ` +
    `${round((1000 * chunk) / sampleRate, 1)} ms, pooled over ${round(windowSeconds, 2)} s`;
  meters = labels.map(makeMeter);
  $('scores').replaceChildren(...meters.map((meter) => meter.parentElement));
  $('microphone').disabled = false;
}

function makeMeter(label) {
  const row = document.createElement('label');
  row.className = 'meter';
  const meter = document.createElement('meter');
  row.append(Object.assign(document.createElement('span'), { textContent: label }), meter);
  return meter;
}

/** Begin anew with the options of the form; returns them. */
async function start(sampleRate) {
  const options = $('options');
  if (!options.reportValidity()) throw new Error('an option is outside its range');
  const numbers = Object.fromEntries(
    [...new FormData(options)].map(([name, text]) => [name, Number(text)]),
  );
  await engine.start(sampleRate, numbers);
  $('events').replaceChildren();
  return numbers;
}

async function hearFile(file) {
  const { sampleRate } = model; // another model may come while the file is decoded
  const samples = await decode(file, sampleRate);
  let stopped = false;
  await record(hearAll, () => (stopped = true));

  async function hearAll() {
    const { smoothing } = await start(sampleRate);
    const block = Math.round(BLOCK_SECONDS * sampleRate);
    for (let at = 0; at < samples.length && !stopped; at += block) {
      const part = samples.slice(at, at + block);
      show(part, await engine.hear(part));
    }
    if (!stopped) show(new Float32Array(0), await engine.finish(smoothing));
  }
}

async function hearMicrophone() {
  $('microphone').disabled = true; // while the browser asks
  const microphone = await Microphone.open().finally(() => ($('microphone').disabled = false));
  let end;
  const ending = new Promise((resolve, reject) => (end = { resolve, reject }));
  let waiting = 0;
  let lost = 0;
  await record(hearAll, end.resolve);

  function hearAll() {
    start(microphone.sampleRate)
      .then(() => microphone.start(onBlock, () => end.reject(new Error('the microphone has gone'))))
      .catch(end.reject);
    // Blocks of a microphone that is still open would reach the next recording.
    return ending.finally(() => microphone.close());
  }

  async function onBlock(block) {
    const seconds = block.length / microphone.sampleRate;
    if (waiting > PATIENCE) {
      lost += seconds;
      return;
    }
    waiting += seconds;
    try {
      show(block, await engine.hear(block), lost);
    } catch (error) {
      end.reject(error);
    }
    waiting -= seconds;
  }
}

/** After the recording before this one: until it ends by itself, or because somebody stops it. */
async function record(hearAll, stop) {
  // Not a call of `stopRecording`: while its caller waits, another could begin after its last look.
  while (recording) await recording.stop();
  const finished = hearAll();
  const ended = finished
    .catch(() => {})
    .finally(() => {
      recording = undefined;
      $('microphone').textContent = 'Microphone';
    });
  recording = {
    stop() {
      stop();
      return ended;
    },
  };
  $('microphone').textContent = 'Stop';
  await ended;
  await finished; // its error
}

async function stopRecording() {
  while (recording) await recording.stop();
}

/** Show a block and what the engine says about it. */
function show(block, { events, scores, seconds, busySeconds }, lost = 0) {
  const power = block.reduce((sum, x) => sum + x * x, 0) / Math.max(1, block.length);
  $('level').value = 10 * Math.log10(power + 1e-12);
  meters.forEach((meter, i) => (meter.value = scores[i]));
  for (const { word, score, start, end } of events) {
    const row = document.createElement('tr');
    row.append(cell(word), number(score, 3), number(start, 2), number(end, 2));
    $('events').prepend(row);
  }
  $('status').textContent =
    `${seconds.toFixed(1)} s heard, ${round(busySeconds / seconds, 3)} s of computing a second` +
    (lost ? `, ${lost.toFixed(1)} s lost: the computer is too slow` : '');
}

function cell(content) {
  const td = document.createElement('td');
  td.append(content);
  return td;
}

/** A cell that shows a rounded number and keeps the whole of it. */
function number(value, digits) {
  return cell(
    Object.assign(document.createElement('data'), { value, textContent: value.toFixed(digits) }),
  );
}

function round(x, digits) {
  return Number(x.toFixed(digits));
}

$('microphone').onclick = () =>
  attempt(() => (recording ? stopRecording() : hearMicrophone()));

$('file').onchange = ({ target }) => {
  const [file] = target.files;
  target.value = ''; // so that the same file can be opened again
  if (file) attempt(() => open(file));
};

document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
};
document.ondragleave = () => document.body.classList.remove('dropping');
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  const [file] = event.dataTransfer.files;
  if (file) attempt(() => open(file));
};

attempt(async () => {
  const answer = await fetch('model.onnx');
  if (answer.ok) await load('model.onnx', new Uint8Array(await answer.arrayBuffer()));
});
