"""`s4audio synthesize` from the command line, without the synthesiser."""

from pathlib import Path

import pytest

from s4audio.cli import main


@pytest.mark.parametrize(("flag", "fetches"), [(["--download"], True), ([], False)])
def test_the_documented_line(
    flag: list[str],
    fetches: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    opened: list[tuple[Path | None, bool]] = []
    written: list[object] = []

    def write_clips(engine: object, *arguments: object) -> int:
        written.extend(arguments)
        return 300

    monkeypatch.setattr(
        "s4audio.data.neural_voices.NeuralVoices",
        lambda folder, download: opened.append((folder, download)),
    )
    monkeypatch.setattr("s4audio.data.neural_voices.write_clips", write_clips)
    words = ["synthesize", str(tmp_path), "--words", "lights on", "lights off", "dim"]
    assert main([*words, "--speakers", "100", *flag]) == 0
    assert opened == [(None, fetches)]
    assert written[:3] == [tmp_path, ["lights on", "lights off", "dim"], 100]
    assert "300 clips" in capsys.readouterr().out
