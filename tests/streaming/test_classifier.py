"""The streaming classifier against the classifier itself."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from s4audio import SequenceClassifier, UserError
from s4audio.kernels import Kernel
from s4audio.models import pooling
from s4audio.streaming import StreamingClassifier

MakeModel = Callable[..., SequenceClassifier]

KINDS = ["s4", "s4d", "dss", "sgconv"]
RATES = [1.0, 2.0, 0.7]
NETWORKS: dict[str, dict[str, Any]] = {
    "full rate": {},
    "strided": {"stem_stride": 16},
    "odd stride": {"stem_stride": 3, "stem_kernel": 7, "n_layers": 3},
    "stride alone": {"stem_stride": 5, "stem_kernel": 5},
    "filter bank": {"stem_stride": 16, "bands": 6, "normalization": "level"},
    "spectral": {"stem_stride": 16, "bands": 7, "band_channels": 3},
    "postnorm": {"prenorm": False, "glu": False},
    "layer norm": {"norm": "layer"},
    "layer norm, postnorm": {"norm": "layer", "prenorm": False},
    "max": {"pooling": "max"},
    "last": {"pooling": "last", "normalization": "none"},
    "standardized": {"normalization": "standardize"},
}


def relative(ours: Tensor, judge: Tensor) -> float:
    return float((ours - judge).abs().max() / judge.abs().max())


def sound(samples: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return 0.3 * torch.randn(1, samples, generator=generator, dtype=dtype)


def after_every_chunk(
    model: SequenceClassifier, audio: Tensor, stream: StreamingClassifier, rate: float
) -> Tensor:
    """Logits of the classifier on longer and longer clips."""
    clips = range(stream.chunk, audio.shape[1] + 1, stream.chunk)
    with torch.no_grad():
        return torch.stack([model(audio[:, :n, None], rate=rate) for n in clips], dim=1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_classifier_on_everything_so_far(
    make_model: MakeModel, kind: str, network: str, rate: float
) -> None:
    model = make_model(kind, **NETWORKS[network])
    if network == "standardized":
        model.set_input_statistics(0.1, 0.4)
    stream = StreamingClassifier(model, rate)
    audio = sound(stream.window * stream.chunk)
    logits, _ = stream(audio, stream.initial_state())
    assert relative(logits, after_every_chunk(model, audio, stream, rate)) < 2e-5


@pytest.mark.parametrize("chunks_of", [1, 2, 5])
@pytest.mark.parametrize("rate", [1.0, 2.0, 0.7, 0.5])
def test_convolutions_over_bands_in_chunks_of_any_length(
    make_model: MakeModel, rate: float, chunks_of: int
) -> None:
    # At rate 0.7 a frame of 16 samples becomes eight hops of 3, not one of 23.
    hop = {1.0: 16, 2.0: 8, 0.7: 24, 0.5: 32}[rate]
    model = make_model("s4d", **NETWORKS["spectral"])
    with pytest.raises(ValueError, match=f"stride, {hop} samples"):
        StreamingClassifier(model, rate, chunk=hop + 1)
    stream = StreamingClassifier(model, rate, chunk=chunks_of * hop)
    audio = sound(20 * hop)
    logits, _ = stream(audio, stream.initial_state())
    assert relative(logits, after_every_chunk(model, audio, stream, rate)) < 2e-5


@pytest.mark.parametrize("options", [{"init": "fout"}, {"n_ssm": 2}, {"bandlimit": 0.5}])
def test_options_of_s4(make_model: MakeModel, options: dict[str, Any]) -> None:
    model = make_model("s4", **options)
    stream = StreamingClassifier(model)
    audio = sound(model.config.length)
    logits, _ = stream(audio, stream.initial_state())
    assert relative(logits[:, -1], model(audio[..., None]).detach()) < 2e-5


@pytest.mark.parametrize("version", ["softmax", "exp-re-im", "exp-no-scale"])
def test_versions_of_dss_at_the_training_length(make_model: MakeModel, version: str) -> None:
    model = make_model("dss", version=version)
    stream = StreamingClassifier(model)
    audio = sound(model.config.length)
    logits, _ = stream(audio, stream.initial_state())
    assert relative(logits[:, -1], model(audio[..., None]).detach()) < 2e-5


@pytest.mark.parametrize("layers", [4, 12])
@pytest.mark.parametrize("kind", KINDS)
def test_deep_networks(make_model: MakeModel, kind: str, layers: int) -> None:
    model = make_model(kind, n_layers=layers, d_state=16, stem_stride=4)
    stream = StreamingClassifier(model)
    audio = sound(stream.window * stream.chunk)
    logits, _ = stream(audio, stream.initial_state())
    assert relative(logits[:, -1], model(audio[..., None]).detach()) < 1e-4


@pytest.mark.parametrize("pool", ["mean", "max", "last"])
def test_pools_over_the_last_window_only(make_model: MakeModel, pool: pooling.Pooling) -> None:
    model = make_model("s4d", pooling=pool)
    stream = StreamingClassifier(model, window=0.03)
    audio = sound(10 * stream.chunk)
    logits, _ = stream(audio, stream.initial_state())
    frames = model.features(audio[..., None])[:, -3 * stream.chunk :].transpose(1, 2)
    expected = model.decoder(pooling.pool(frames, None, pool)).detach()
    assert stream.window == 3
    assert relative(logits[:, -1], expected) < 2e-5


@pytest.fixture
def exact_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that stay in the precision they are made in, float64 for `naive`."""

    def forward(self: Kernel, length: int, rate: float = 1.0) -> Tensor:
        return self.sample(length, rate).double()

    monkeypatch.setattr(Kernel, "forward", forward)


@pytest.mark.usefixtures("exact_kernels")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_float64(make_model: MakeModel, kind: str, rate: float, seconds: int) -> None:
    backend = {} if kind == "sgconv" else {"backend": "naive"}
    model = make_model(kind, stem_stride=16, **backend).double()
    stream = StreamingClassifier(model, rate, window=seconds, dtype=torch.float64)
    audio = sound(seconds * stream.sample_rate // stream.chunk * stream.chunk, torch.float64)
    logits, _ = stream(audio, stream.initial_state())
    with torch.no_grad():
        judge = model(audio[..., None], rate=rate)
    assert relative(logits[:, -1], judge) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [20, pytest.param(600, marks=pytest.mark.slow)])
def test_the_error_does_not_grow(make_model: MakeModel, kind: str, seconds: int) -> None:
    model = make_model(kind, stem_stride=16)
    single = StreamingClassifier(model, chunk=1600)
    double = StreamingClassifier(model, chunk=1600, dtype=torch.float64)
    audio = sound(seconds * 16_000)
    ours, _ = single(audio, single.initial_state())
    judge, _ = double(audio, double.initial_state())
    error = (ours - judge).abs().amax(-1)[0] / judge.abs().max()
    start, end = error[: len(error) // 4].max(), error[-len(error) // 4 :].max()
    assert error.max() < 1e-4
    assert end < 3 * start


SOUNDS = {
    "silence": torch.zeros(1, 4800),
    "full-scale square wave": torch.where(torch.arange(4800) % 64 < 32, 1.0, -1.0)[None],
    "direct current": torch.ones(1, 4800),
    "denormals": torch.full((1, 4800), 1e-41),
    "burst, then silence": torch.cat([torch.ones(1, 800), torch.zeros(1, 4000)], dim=1),
    "alternating full scale": torch.where(torch.arange(4800) % 2 == 0, 1.0, -1.0)[None],
}


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("normalization", ["none", "level"])
@pytest.mark.parametrize("kind", KINDS)
def test_extreme_sounds(make_model: MakeModel, kind: str, normalization: str, name: str) -> None:
    model = make_model(kind, length=4800, normalization=normalization)
    stream = StreamingClassifier(model)
    logits, _ = stream(SOUNDS[name], stream.initial_state())
    assert relative(logits[:, -1], model(SOUNDS[name][..., None]).detach()) < 1e-4


def test_the_state_is_not_changed(make_model: MakeModel) -> None:
    stream = StreamingClassifier(make_model("s4d", stem_stride=8))
    state = stream.initial_state(2)
    before = {name: value.clone() for name, value in state.items()}
    stream(sound(stream.chunk).expand(2, -1), state)
    assert all(torch.equal(state[name], before[name]) for name in before)
    assert all(value.shape[0] == 2 and not value.any() for value in state.values())


def test_chunk_and_window_are_reported(make_model: MakeModel) -> None:
    model = make_model("s4d", stem_stride=16, length=16_000)
    stream = StreamingClassifier(model, rate=2.0)
    assert (stream.sample_rate, stream.chunk, stream.window) == (8000, 80, 100)
    assert stream.window_seconds == 1
    assert StreamingClassifier(model, chunk=320, window=0.5).window == 25


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"bidirectional": True}, {}, "bidirectional.*bidirectional: false.*s4d-small"),
        ({"normalization": "clip"}, {}, "clip cannot stream.*level"),
        ({"d_input": 2, "normalization": "none"}, {}, "2 features"),
        ({"vocabulary": 4, "normalization": "none"}, {}, "tokens"),
        ({"stem_stride": 8}, {"chunk": 100}, "multiple of the encoder's stride, 8"),
        ({}, {"chunk": 0}, "positive multiple"),
        ({}, {"chunk": 16_000}, "16000 frames, more than 1600: give at most 1600 samples"),
        ({}, {"window": 0.0}, "window must be a positive"),
        ({}, {"window": float("inf")}, "window must be a positive"),
        ({}, {"window": 1e9}, r"is 1e\+11 chunks, more than 100000: give at most 1000 seconds"),
        ({"length": 16_000_001}, {}, "window=1000 is 100001 chunks, more than 100000"),
        ({}, {"rate": 0.0}, "rate must be a positive"),
        ({}, {"rate": float("nan")}, "rate must be a positive"),
        ({}, {"rate": 1e6}, "audio of less than 1 Hz: choose a smaller rate"),
        ({}, {"rate": 1e-4}, "audio of more than 768000 Hz: choose a larger rate"),
        ({}, {"rate": 1e-320}, "audio of more than 768000 Hz: choose a larger rate"),
    ],
)
def test_refusals(
    make_model: MakeModel, options: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    model = make_model("s4d", **options)
    with pytest.raises(ValueError, match=message) as error:
        StreamingClassifier(model, **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["decoder.bias", "backbone.norm.running_var"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_diverged_training_are_refused(
    make_model: MakeModel, name: str, value: float
) -> None:
    model = make_model("s4d")
    model.state_dict()[name][1] = value
    with pytest.raises(UserError, match="not finite: its training diverged; take an earlier"):
        StreamingClassifier(model)


def test_poles_outside_the_unit_circle_are_refused(make_model: MakeModel) -> None:
    model = make_model("dss", version="softmax")
    nn.init.constant_(model.backbone.blocks[1].convolution.kernel.Lambda_real, 0.1)
    with pytest.raises(ValueError, match=r"outside the unit circle.*version='exp'"):
        StreamingClassifier(model)


def test_s4_is_stable_whatever_its_parameters(make_model: MakeModel) -> None:
    model = make_model("s4")
    kernel = model.backbone.blocks[0].convolution.kernel
    for parameter in (kernel.P, kernel.A_imag, kernel.log_A_real):
        nn.init.normal_(parameter, std=3)
    assert torch.linalg.eigvals(kernel.recurrence().A.detach()).abs().max() < 1


def test_wrong_amount_of_audio(make_model: MakeModel) -> None:
    stream = StreamingClassifier(make_model("s4d"))
    for shape in [(1, stream.chunk + 1), (1, 0), (stream.chunk,)]:
        with pytest.raises(ValueError, match=f"a multiple of {stream.chunk}"):
            stream(torch.zeros(shape), stream.initial_state())


def test_audio_at_twice_the_rate_without_a_stride(make_model: MakeModel) -> None:
    model = make_model("s4d", stem_stride=1)
    assert StreamingClassifier(model, rate=0.5, chunk=10).chunk == 10
    x = sound(200)
    stream = StreamingClassifier(model, rate=0.5, chunk=10)
    logits, _ = stream(x, stream.initial_state())
    with torch.no_grad():
        assert relative(logits[:, -1], model(x.unsqueeze(-1), rate=0.5)) < 1e-5
