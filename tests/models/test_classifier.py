"""All kinds of model: shapes, masks, causality, rates, compilation, tokens, bad input."""

from typing import Any

import pytest
import torch
from torch import Tensor

import s4audio
from s4audio import SequenceClassifier
from s4audio.models import create_preset
from s4audio.models.presets import PRESETS

KINDS = ["s4", "s4d", "dss", "sgconv"]


def tiny(kind: Any, **options: Any) -> SequenceClassifier:
    torch.manual_seed(0)
    state = {} if kind == "sgconv" else {"d_state": 4}
    settings = {"classes": 3, "d_model": 8, "n_layers": 2, "length": 128, **state, **options}
    return s4audio.create_model(kind, **settings).eval()


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("prenorm", [False, True])
@pytest.mark.parametrize("glu", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_forward_backward_and_features(kind: str, glu: bool, prenorm: bool, norm: str) -> None:
    model = tiny(kind, glu=glu, prenorm=prenorm, norm=norm, dropout=0.1).train()
    x = torch.randn(2, 128, 1)
    logits = model(x)
    assert logits.shape == (2, 3)
    assert model.features(x).shape == (2, 128, 8)
    logits.logsumexp(-1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("pooling", ["mean", "last", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("stem_stride", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(
    kind: str, stem_stride: int, bidirectional: bool, pooling: str
) -> None:
    model = tiny(
        kind,
        stem_stride=stem_stride,
        bidirectional=bidirectional,
        pooling=pooling,
        normalization="clip",
        **({"version": "exp"} if kind == "dss" else {}),
    )
    clip = torch.randn(1, 100, 1)
    padded = torch.cat([clip, torch.full((1, 28, 1), 7.0)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(
            model(padded, lengths=torch.tensor([100])), model(clip), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("stem_stride", [1, 4])
@pytest.mark.parametrize("rate", [1.0, 1.6])
@pytest.mark.parametrize("kind", KINDS)
def test_causal_model_never_looks_ahead(kind: str, rate: float, stem_stride: int) -> None:
    model = tiny(kind, n_layers=3, stem_stride=stem_stride)
    x = torch.randn(2, 400, 1)
    changed = x.clone()
    changed[:, 240:] += torch.randn(2, 160, 1)
    with torch.no_grad():
        before, after = model.features(x, rate=rate), model.features(changed, rate=rate)
    frames = 240 // max(1, round(stem_stride / rate))
    assert torch.equal(before[:, :frames], after[:, :frames])
    assert not torch.equal(before[:, frames:], after[:, frames:])


@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_model_looks_ahead(kind: str) -> None:
    model = tiny(kind, bidirectional=True)
    x = torch.randn(1, 100, 1)
    changed = x.clone()
    changed[:, 60:] += 1
    with torch.no_grad():
        difference = (model.features(x) - model.features(changed))[:, :60].abs().max()
    assert difference > 1e-4


@pytest.mark.parametrize("stem_stride", [1, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_rescaled_step_makes_other_rates_alike(kind: str, stem_stride: int) -> None:
    """A slow tone at half the rate gives the same logits once the step is rescaled."""
    options: dict[str, Any] = {} if kind == "sgconv" else {"dt_max": 0.01}
    model = tiny(kind, length=1600, stem_stride=stem_stride, **options)
    x = torch.sin(torch.arange(1600) / 60)[None, :, None]
    with torch.no_grad():
        fine, coarse, wrong = model(x), model(x[:, ::2], rate=2.0), model(x[:, ::2])
    assert (coarse - fine).abs().max() < 0.05 * fine.abs().max()
    assert (wrong - fine).abs().max() > (coarse - fine).abs().max()


@pytest.mark.parametrize("stem_stride", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_one_graph_without_breaks(kind: str, stem_stride: int) -> None:
    model = tiny(kind, stem_stride=stem_stride)
    x = torch.randn(2, 64, 1)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))
        program = torch.export.export(model, (x,))
        torch.testing.assert_close(program.module()(x), model(x))


def test_one_graph_of_a_short_s4_in_training() -> None:
    """Its kernel is made from its poles, by an operation with a gradient of its own."""
    torch.compiler.reset()
    model = tiny("s4", d_state=32).train()
    x = torch.randn(2, 64, 1)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    gradients = []
    for forward in (compiled, model):
        model.zero_grad()
        forward(x).square().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-5)


def test_forward_is_pure() -> None:
    model = tiny("s4")
    before = {n: t.clone() for n, t in [*model.named_parameters(), *model.named_buffers()]}
    x = torch.randn(1, 128, 1)
    with torch.no_grad():
        first = model(x)
        model(x[:, ::2], rate=2.0)
        model(torch.randn(1, 300, 1))
        assert torch.equal(model(x), first)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        assert torch.equal(tensor, before[name]), name


def test_bfloat16_autocast_stays_close() -> None:
    model = tiny("s4d")
    x = torch.randn(2, 128, 1)
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for rough in (model(x), model(x.bfloat16())):
                torch.testing.assert_close(rough.float(), exact, rtol=0.1, atol=0.1)


def test_tokens_go_through_an_embedding() -> None:
    model = tiny("s4d", vocabulary=18)
    tokens = torch.randint(18, (2, 50))
    assert torch.equal(model(tokens), model(tokens[..., None]))


@pytest.mark.parametrize(
    ("kind", "options", "parameters"),
    [
        ("s4", {"classes": 35}, 306_851),
        ("s4", {"classes": 10}, 303_626),
        ("s4d", {"classes": 35, "init": "lin"}, 306_083),
        ("s4d", {"classes": 10, "init": "lin"}, 302_858),
    ],
)
def test_parameter_counts_of_the_papers(
    kind: Any, options: dict[str, Any], parameters: int
) -> None:
    model = s4audio.create_model(kind, bidirectional=True, n_ssm=2, **options)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_made(name: str) -> None:
    assert create_preset(name, ["no", "yes"]).labels == ("no", "yes")


def clip(**shape: int) -> Tensor:
    return torch.zeros(shape.get("batch", 1), shape.get("time", 16), shape.get("features", 1))


def test_bad_input_is_restated() -> None:
    with pytest.raises(ValueError, match=r"\(batch, time, 1\).*got \(1, 16, 2\)"):
        tiny("s4d")(clip(features=2))
    with pytest.raises(ValueError, match=r"got \(1, 0, 1\)"):
        tiny("s4d")(clip(time=0))
    with pytest.raises(ValueError, match=r"at least one row.*got \(0, 16, 1\)"):
        tiny("s4d")(clip(batch=0))
    with pytest.raises(ValueError, match=r"expected tokens \(batch, time\).*got \(0, 16\)"):
        tiny("s4d", vocabulary=5)(torch.zeros(0, 16, dtype=torch.long))
    with pytest.raises(ValueError, match="expected tokens from 0 to 4, got 5"):
        tiny("s4d", vocabulary=5)(torch.full((1, 16), 5))
    with pytest.raises(ValueError, match="16 samples, but one frame takes 32"):
        tiny("s4d", stem_stride=32)(clip())


@pytest.mark.parametrize("dtype", [torch.float64, torch.int16, torch.complex64, torch.bfloat16])
def test_number_type_must_be_that_of_the_weights(dtype: torch.dtype) -> None:
    message = rf"expected torch.float32 input.*got {dtype}: use x.to\(torch.float32\)"
    with pytest.raises(ValueError, match=message):
        tiny("s4d")(clip().to(dtype))
    with pytest.raises(ValueError, match=r"expected torch\.float64 input"):
        tiny("s4d").double()(clip())


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([16]), r"expected lengths \(2,\).*got \(1,\) torch.int64"),
        (torch.tensor([[16, 9]]), r"got \(1, 2\)"),
        (torch.tensor([16.0, 9.0]), "of integers.*got.*torch.float32"),
        (torch.tensor([True, False]), "of integers.*got.*torch.bool"),
        (torch.tensor([16, 0]), "from 1 to the 16 steps of the input, got 0"),
        (torch.tensor([17, 9]), "from 1 to the 16 steps of the input, got 17"),
    ],
)
def test_lengths_must_fit_the_input(lengths: Tensor, message: str) -> None:
    model = tiny("s4d", pooling="last")
    with pytest.raises(ValueError, match=message):
        model(clip(batch=2), lengths=lengths)
    with pytest.raises(ValueError, match=message):
        model.features(clip(batch=2), lengths=lengths)


def test_lengths_are_part_of_one_graph() -> None:
    torch.compiler.reset()  # the models above count against the limit of recompilations
    model, x, lengths = tiny("s4d"), torch.randn(2, 64, 1), torch.tensor([64, 40])
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x, lengths), model(x, lengths))
        program = torch.export.export(model, (x, lengths))
        torch.testing.assert_close(program.module()(x, lengths), model(x, lengths))


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("s5", {}, "unknown kind 's5'.*s4"),
        ("s4", {"kernel_dim": 8}, "kernel_dim=8 does not belong to s4"),
        ("sgconv", {"init": "legs"}, "init='legs' does not belong to sgconv"),
        ("s4", {"bandlimit": -1.0}, "bandlimit must be above 0, got -1.0"),
        ("sgconv", {"decay_min": 3.0}, "got decay_min=3.0 and decay_max=2.0"),
        ("sgconv", {"decay_max": 1.0}, "got decay_min=2.0 and decay_max=1.0"),
        ("sgconv", {"decay_min": float("nan")}, "decay_min must be finite"),
        ("s4d", {"dt_max": float("inf")}, "need finite 0 < dt_min <= dt_max"),
        ("s4", {"d_model": 2.5}, "d_model must be a whole number, got 2.5"),
        ("s4", {"n_layers": True}, "n_layers must be a whole number, got True"),
        ("s4", {"n_ssm": "2"}, "n_ssm must be a whole number, got '2'"),
        ("s4", {"dropout": 1.0}, "dropout must be in"),
        ("s4", {"n_layers": 0}, "n_layers must be at least 1"),
        ("s4", {"labels": ["a"]}, "classes=3 must match labels, got \\['a'\\]"),
        ("s4", {"norm": "rms"}, "unknown norm 'rms': known are batch, layer"),
        ("s4", {"pooling": "lost"}, "unknown pooling 'lost': did you mean 'last'"),
        ("s4", {"normalization": "level_"}, "did you mean 'level'"),
        ("s4", {"backend": "cuda"}, "unknown backend 'cuda'"),
        ("s4", {"sample_rate": 0}, "sample_rate must be at least 1 Hz, got 0"),
        ("s4", {"vocabulary": 0}, "vocabulary must be at least 1, got 0"),
        ("s4", {"vocabulary": 5, "stem_stride": 2}, "a stem_stride only with ngrams"),
        ("s4", {"vocabulary": 5, "ngrams": 3, "stem_kernel": 2}, "has no stem_kernel"),
        ("s4", {"vocabulary": 5, "normalization": "clip"}, "does not go with normalization"),
        ("s4", {"vocabulary": 5, "ngrams": 1}, "ngrams=1 must be at least 2"),
        ("s4", {"ngrams": 3}, "needs a vocabulary"),
        ("s4", {"stem_stride": 8, "stem_kernel": 4}, "stem_kernel=4 is shorter"),
    ],
)
def test_bad_options(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(kind, **options)


@pytest.mark.parametrize("classes", [0, 2.5, ["no", "yes"]])
def test_bad_number_of_classes(classes: Any) -> None:
    with pytest.raises(ValueError, match="must be a number, at least 1; names go into labels"):
        s4audio.create_model("s4d", classes=classes)


def test_unknown_preset_names_the_near_one() -> None:
    with pytest.raises(ValueError, match="did you mean 's4-small'"):
        create_preset("s4-smal", ["a"])


def test_labels_must_differ() -> None:
    with pytest.raises(ValueError, match="all different"):
        tiny("s4", labels=["a", "b", "a"])


@pytest.mark.parametrize("options", [{}, {"norm": "layer", "prenorm": False}, {"stem_stride": 4}])
def test_channels_lie_together_in_memory(options: dict[str, Any]) -> None:
    """Strided channels would slow every later layer several times."""
    model = tiny("s4d", **options)
    inputs: list[Tensor] = []
    for block in model.backbone.blocks:
        block.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    model(torch.randn(2, 64, 1))
    model(torch.randn(2, 64, 1), lengths=torch.tensor([64, 40]))
    assert len(inputs) == 4
    assert all(x.is_contiguous() for x in inputs)
