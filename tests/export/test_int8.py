"""Eight-bit weights: how far they are from the model is measured and reported."""

from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio import SequenceClassifier, create_model
from s4audio.export import ParityError, export_onnx, onnx_file
from s4audio.export.parity import Parity
from s4audio.streaming import Stream

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def model() -> SequenceClassifier:
    torch.manual_seed(1)
    sizes = {"classes": 3, "d_model": 16, "n_layers": 2, "d_state": 4, "length": 1600}
    return create_model("s4d", stem_stride=8, **sizes).eval()


def test_both_forms_are_compared(model: SequenceClassifier, tmp_path: Path) -> None:
    report = export_onnx(model, tmp_path / "m.onnx", quantize="int8")
    float32, int8 = report.versions
    assert float32.difference == max(row.relative for row in report.parity)
    assert float32.difference < 1e-5 < int8.difference < 0.05


def test_weights_that_do_not_fit_into_eight_bits_are_seen(
    model: SequenceClassifier, tmp_path: Path
) -> None:
    # One loud channel with a small weight behind it: the others are lost in its rounding.
    model.backbone.blocks[0].convolution.D.data[0] = 3e4
    model.backbone.blocks[0].linear.weight.data[:, 0] = 1e-5
    sound = np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32)
    report = export_onnx(model, tmp_path / "m.onnx", quantize="int8", recording=sound)
    logits, judge = Stream(report.path).push(sound), Stream(report.classifier).push(sound)
    heard = float(np.abs(logits - judge).max() / np.abs(judge).max())
    float32, int8 = report.versions
    assert float32.difference < 1e-4 < 0.05 < heard
    assert int8.difference == pytest.approx(heard, rel=0.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_answers_that_are_no_numbers_are_not_written(
    model: SequenceClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"before")
    forms = iter([1e-6, value])
    monkeypatch.setattr(
        onnx_file, "check", lambda *_: [Parity("noise", 1.0, 0.0, None, x) for x in (next(forms),)]
    )
    with pytest.raises(ParityError, match=rf"int8 graph .* by {value} .*is no number: nothing was"):
        export_onnx(model, target, quantize="int8")
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]
