"""The stream for users: chunking, state, batches, bad input, memory."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4audio import SequenceClassifier, UserError
from s4audio.streaming import Stream, StreamingClassifier

MakeModel = Callable[..., SequenceClassifier]
Waveform = npt.NDArray[np.float32]

KINDS = ["s4", "s4d", "dss", "sgconv"]
SPECTRAL = {"bands": 7, "band_channels": 3}
NETWORKS = [*KINDS, "spectral"]
STATM = Path("/proc/self/statm")


@pytest.fixture(scope="session")
def models(make_model: MakeModel) -> dict[str, StreamingClassifier]:
    networks = {kind: make_model(kind, stem_stride=8) for kind in KINDS}
    networks["spectral"] = make_model("s4d", stem_stride=8, **SPECTRAL)
    return {name: StreamingClassifier(network) for name, network in networks.items()}


def noise(*shape: int) -> Waveform:
    return np.random.default_rng(5).normal(0, 0.3, shape).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(0, 700), min_size=1, max_size=12))
def test_any_sizes_give_the_same_bits(
    models: dict[str, StreamingClassifier], name: str, sizes: list[int]
) -> None:
    waveform = noise(sum(sizes))
    stream = Stream(models[name])
    pieces = np.split(waveform, np.cumsum(sizes)[:-1])
    in_pieces = np.concatenate([stream.push(piece) for piece in pieces])
    at_once = Stream(models[name]).push(waveform)
    assert in_pieces.shape == (sum(sizes) // stream.chunk, 5)
    np.testing.assert_array_equal(in_pieces, at_once)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_restored_state_continues_with_the_same_bits(
    models: dict[str, StreamingClassifier], name: str, tmp_path: Path
) -> None:
    stream = Stream(models[name])
    stream.push(noise(1000))
    np.savez(tmp_path / "state.npz", **stream.state)
    expected = stream.push(noise(3000))
    other = Stream(models[name])
    other.state = dict(np.load(tmp_path / "state.npz"))
    np.testing.assert_array_equal(other.push(noise(3000)), expected)


def test_reset_forgets_everything(models: dict[str, StreamingClassifier]) -> None:
    stream = Stream(models["s4"])
    fresh = stream.push(noise(1001))
    stream.reset()
    np.testing.assert_array_equal(stream.push(noise(1001)), fresh)


def test_the_state_is_a_copy(models: dict[str, StreamingClassifier]) -> None:
    stream = Stream(models["s4d"])
    stream.push(noise(900))
    state = stream.state
    expected = stream.push(noise(500))
    stream.state = state
    for value in state.values():
        value[...] = 7
    np.testing.assert_array_equal(stream.push(noise(500)), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_streams_in_a_batch_do_not_meet(models: dict[str, StreamingClassifier], name: str) -> None:
    waveforms = noise(16, 2000)
    together = Stream(models[name], batch=16).push(waveforms)
    for alone, row in zip(waveforms, together, strict=True):
        np.testing.assert_allclose(row, Stream(models[name]).push(alone), rtol=0, atol=2e-5)


def test_shapes_types_and_names(models: dict[str, StreamingClassifier]) -> None:
    stream = Stream(models["s4d"])
    assert stream.labels == ("0", "1", "2", "3", "4")
    assert (stream.sample_rate, stream.chunk, stream.window_seconds) == (16_000, 128, 0.104)
    assert stream.push(noise(0)).shape == (0, 5)
    assert stream.push(noise(1, 256)).shape == (1, 2, 5)
    assert stream.push(list(noise(128))).dtype == np.float32


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([0.0, np.nan]), "not finite"),
        (np.array([0.0, np.inf]), "not finite"),
        (np.array([0.0, np.inf], np.float16), "not finite"),
        (np.array([0.0, 1e30]), "far outside"),
        (np.zeros(400, np.int16), "got int16: divide 16-bit samples by 32768"),
        (np.zeros(400, np.complex64), "got complex64"),
        (np.array(["a"]), "got <U1"),
        (np.zeros((2, 400)), r"expected samples of shape \(time,\) or \(1, time\), got \(2, 400\)"),
        (np.zeros((1, 1, 400)), r"got \(1, 1, 400\)"),
        (np.float32(0), r"got \(\)"),
    ],
)
def test_bad_samples_leave_the_stream_as_it_was(
    models: dict[str, StreamingClassifier], samples: object, message: str
) -> None:
    stream = Stream(models["s4d"])
    stream.push(noise(300))
    before = stream.state
    with pytest.raises(UserError, match=message) as error:
        stream.push(samples)
    assert "\n" not in str(error.value)
    after = stream.state
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_a_foreign_state_is_refused(models: dict[str, StreamingClassifier]) -> None:
    stream = Stream(models["s4d"])
    stream.push(noise(300))
    expected = stream.state
    with pytest.raises(UserError, match=r"it differs in block0\.x"):
        stream.state = {n: x for n, x in stream.state.items() if n != "block0.x"}
    with pytest.raises(UserError, match=r"block0\.x is float32 \(1, 3\)"):
        stream.state = stream.state | {"block0.x": np.zeros((1, 3), np.float32)}
    with pytest.raises(UserError, match="pending is float64"):
        stream.state = stream.state | {"pending": np.zeros((1, 3))}
    with pytest.raises(UserError, match=r"pending is float32 \(1, 200\)"):
        stream.state = stream.state | {"pending": np.zeros((1, 200), np.float32)}
    with pytest.raises(UserError, match=r"pending is float32 \(\)"):
        stream.state = stream.state | {"pending": np.zeros((), np.float32)}
    for name, value in stream.state.items():
        np.testing.assert_array_equal(value, expected[name])


def test_what_a_stream_can_be_made_of(
    make_model: MakeModel, tmp_path: Path, models: dict[str, StreamingClassifier]
) -> None:
    model = make_model("s4d", stem_stride=8)
    model.save_pretrained(tmp_path / "model")
    waveform = noise(1000)
    expected = Stream(models["s4d"]).push(waveform)
    for source in (model, tmp_path / "model", str(tmp_path / "model")):
        np.testing.assert_array_equal(Stream(source).push(waveform), expected)
    assert Stream(model, rate=2).sample_rate == 8000
    with pytest.raises(UserError, match="StreamingClassifier is fixed: make it anew with rate=2"):
        Stream(models["s4d"], rate=2)
    with pytest.raises(UserError, match="batch of at least 1"):
        Stream(model, batch=0)
    with pytest.raises(UserError, match="no file at"):
        Stream(tmp_path / "absent.onnx")


def test_streams_that_are_not_equally_old(make_model: MakeModel) -> None:
    long = make_model("sgconv", length=1024, normalization="none")
    stream = Stream(StreamingClassifier(long, chunk=40), batch=2)
    stream.push(noise(2, 50))
    expected = stream.state
    (count, *_) = [name for name in expected if name.endswith(".count")]
    uneven = expected | {count: expected[count] + np.array([[0], [1]], np.float32)}
    with pytest.raises(UserError, match=f"equally many chunks, and their {count} differ"):
        stream.state = uneven
    stream.state = expected
    for name, value in stream.state.items():
        np.testing.assert_array_equal(value, expected[name])


def test_a_long_push_is_not_kept(models: dict[str, StreamingClassifier]) -> None:
    stream, waveform = Stream(models["s4d"]), noise(200_001)
    tracemalloc.start()
    stream.push(waveform)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < waveform.nbytes / 10


@pytest.mark.skipif(not STATM.exists(), reason="needs /proc")
def test_memory_does_not_grow(models: dict[str, StreamingClassifier]) -> None:
    stream, waveforms = Stream(models["s4d"], batch=16), noise(16, 128)
    for _ in range(300):
        stream.push(waveforms)
    before = resident_bytes()
    for _ in range(500):
        stream.push(waveforms)
    # A push that stays takes 8 KB, a state that stays 16 KB.
    assert resident_bytes() - before < 500 * 2000


def resident_bytes() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
