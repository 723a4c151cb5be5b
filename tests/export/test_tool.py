"""The script around the library."""

import runpy
import sys
from pathlib import Path

import pytest

from s4audio import create_model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "export_onnx.py"


def run_script(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["export_onnx.py", *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_exports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = create_model("s4d", classes=2, d_model=4, n_layers=1, d_state=4, length=800)
    model.save_pretrained(tmp_path / "model")
    run_script(monkeypatch, tmp_path / "model", tmp_path / "m.onnx", "--quantize", "int8")
    text = capsys.readouterr().out
    assert "compared with PyTorch" in text
    assert "float32: differs by at most" in text
    assert (tmp_path / "m.onnx").is_file()


def test_a_mistake_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_script(monkeypatch, tmp_path / "absent", tmp_path / "m.onnx")
    assert capsys.readouterr().err.startswith("export_onnx: no folder or checkpoint at")
