"""Tables, files and pictures of a sweep."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from s4audio.errors import UserError
from s4audio.evaluation import (
    RateFailure,
    confusion_matrix,
    evaluate,
    plot_accuracy_by_rate,
    plot_confusion_matrix,
    sweep_rates,
    write_report,
)
from s4audio.evaluation.report import class_table, rate_table
from s4audio.evaluation.sweep import kilohertz
from s4audio.evaluation.tables import TextTable, print_table

FILES = {
    "report.json",
    "report.md",
    "rates.csv",
    "classes.csv",
    "predictions.csv",
    "accuracy_by_rate.png",
    "accuracy_by_rate.svg",
    "confusion_matrix.png",
    "confusion_matrix.svg",
}


@pytest.fixture
def sweep(model, clips):
    return sweep_rates(model, clips, [16_000, 8_000, 11_025], progress=False)


def test_rate_table(sweep):
    table = rate_table(sweep)
    assert [row[:2] for row in table.rows] == [
        ("16", "native"),
        ("11.025", "resampling"),
        ("8", "decimation"),
        ("8", "resampling"),
    ]
    assert table.rows[0][2:] == ("100.0 (75.8-100.0)", "", "", "100.0")
    plain = next(r for r in sweep.rows if r.method == "decimation" and not r.rescaled)
    _, _, rescaled, not_rescaled, gain, _ = table.rows[2]
    assert rescaled == "100.0 (75.8-100.0)"
    assert not_rescaled.startswith(f"{100 * plain.accuracy:.1f} (")
    assert gain == f"+{100 - 100 * plain.accuracy:.1f}"


def test_tables_fit_a_narrow_terminal(sweep):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(rate_table(sweep).rich())
    lines = console.export_text().splitlines()
    assert sum("100.0 (75.8-100.0)" in line for line in lines) == 4
    assert max(map(len, lines)) <= 80


def test_long_names_are_whole_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    name = "a_recording_of_a_whole_monday_in_the_kitchen.wav"
    print_table(TextTable("t", ("recording", "hours"), ((name, "1.00"),), words=1))
    shown = capsys.readouterr().out
    assert name in "".join(line.split(" ")[0] for line in shown.splitlines())


def test_class_table_names_the_commonest_mistake(sweep):
    predictions = sweep.predictions.copy()
    predictions[sweep.main_row(), :4] = 1
    rows = class_table(replace(sweep, predictions=predictions)).rows
    assert [row[:3] for row in rows] == [
        ("low", "middle (2)", "4"),
        ("middle", "", "4"),
        ("high", "middle (1)", "4"),
    ]
    assert rows[0][3] == "50.0 (15.0-85.0)"


def test_notes_tell_of_failures_and_non_finite_logits(sweep):
    rows = (replace(sweep.rows[0], non_finite=5), *sweep.rows[1:])
    failures = (RateFailure(50, "resampling", "too short"),)
    notes = rate_table(replace(sweep, rows=rows, failures=failures)).notes
    assert "5 of 12 clips gave logits that are not finite at 16 kHz, rescaled" in notes[1]
    assert notes[2] == "FAILED: 0.05 kHz, resampling: too short"


def test_report_files(sweep, tmp_path):
    files = write_report(sweep, tmp_path / "new" / "folder")
    assert {file.name for file in files} == FILES
    assert {file.name for file in (tmp_path / "new" / "folder").iterdir()} == FILES
    assert all(file.stat().st_size > 0 for file in files)


def test_report_json(sweep, tmp_path):
    write_report(sweep, tmp_path)
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["labels"] == ["low", "middle", "high"]
    assert document["model_rate"] == 16_000
    assert document["rows"][0]["accuracy"] == 1.0
    assert len(document["rows"]) == len(sweep.rows)
    assert document["confusion_matrix"] == [[4, 0, 0], [0, 4, 0], [0, 0, 4]]
    assert [score["recall"] for score in document["classes"]] == [1.0, 1.0, 1.0]


def test_report_csv(sweep, tmp_path):
    write_report(sweep, tmp_path)
    with (tmp_path / "rates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["sample_rate"]) for row in rows] == [row.sample_rate for row in sweep.rows]
    assert float(rows[0]["interval_low"]) == sweep.rows[0].interval[0]
    with (tmp_path / "predictions.csv").open(newline="") as file:
        clips = list(csv.DictReader(file))
    assert [clip["target"] for clip in clips[:3]] == ["low", "middle", "high"]
    assert clips[1] == clips[1] | {
        "name": "1.wav",
        "16 kHz": "middle",
        "8 kHz, decimation": "middle",
    }
    plain = [row.method == "decimation" and not row.rescaled for row in sweep.rows].index(True)
    column = [sweep.labels.index(clip["8 kHz, decimation, not rescaled"]) for clip in clips]
    assert column == sweep.predictions[plain].tolist()


def test_clips_without_prediction_have_an_empty_cell(sweep, tmp_path):
    predictions = sweep.predictions.copy()
    predictions[0, 2] = -1
    write_report(replace(sweep, predictions=predictions), tmp_path)
    with (tmp_path / "predictions.csv").open(newline="") as file:
        assert [clip["16 kHz"] for clip in csv.DictReader(file)][1:4] == ["middle", "", "low"]


def test_odd_labels_survive(sweep, tmp_path, capsys):
    labels = ("a|b", "[red]c[/red]", "größer")
    odd = replace(sweep, labels=labels)
    write_report(odd, tmp_path)
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| a\\|b |" in markdown
    Console(width=80).print(class_table(odd).rich())
    assert "[red]c[/red]" in capsys.readouterr().out


def test_evaluate_prints_and_writes(model, clips, tmp_path, capsys):
    found = evaluate(model, clips, [16_000, 8_000], tmp_path, progress=False)
    printed = capsys.readouterr().out
    assert "Accuracy on 12 clips of 3 classes by a model trained at 16 kHz" in printed
    assert "decimation" in printed
    assert {file.name for file in tmp_path.iterdir()} == FILES
    assert len(found.rows) == 5


def test_evaluate_without_output_writes_nothing(model, clips, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate(model, clips, [16_000], progress=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_does_not_lose_the_table(model, clips, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be written to .*file.*--output") as caught:
        evaluate(model, clips, [16_000], tmp_path / "file", progress=False)
    assert "\n" not in str(caught.value)
    assert "100.0 (75.8-100.0)" in capsys.readouterr().out


def test_a_reader_of_the_table_that_leaves_does_not_lose_the_report(
    model, clips, tmp_path, monkeypatch
):
    def leave(sweep):
        raise SystemExit(1)  # as rich does when stdout is closed

    monkeypatch.setattr("s4audio.evaluation.report.print_report", leave)
    with pytest.raises(SystemExit):
        evaluate(model, clips, [16_000, 8_000], tmp_path / "out", progress=False)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_failed_rates_are_told_after_the_report(make_model, clips, tmp_path, capsys):
    with pytest.raises(UserError, match=r"2 of the inputs .* first 4 kHz, decimation: time 420"):
        evaluate(make_model(shortest=500), clips, [16_000, 4_000], tmp_path, progress=False)
    assert "FAILED: 4 kHz, decimation" in capsys.readouterr().out
    assert {file.name for file in tmp_path.iterdir()} == FILES


def test_progress_goes_to_stderr(model, clips, capsys):
    evaluate(model, clips, [16_000], progress=False)
    without = capsys.readouterr().out
    evaluate(model, clips, [16_000], progress=True)
    assert capsys.readouterr().out == without


@pytest.mark.parametrize("classes", [2, 10, 35])
def test_confusion_matrix_picture_shows_every_count(classes, tmp_path):
    from matplotlib import rc_context

    generator = np.random.default_rng(0)
    targets = generator.integers(0, classes, 300)
    predictions = np.where(generator.random(300) < 0.8, targets, (targets + 1) % classes)
    counts = confusion_matrix(predictions, targets, classes)
    labels = [f"word{index}" for index in range(classes)]
    with rc_context({"svg.fonttype": "none"}):
        png, svg = plot_confusion_matrix(counts, targets, labels, "title", tmp_path / "matrix")
    assert png.read_bytes().startswith(b"\x89PNG")
    texts = [text.text for text in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert set(labels) <= set(texts)
    for label, size in zip(labels, np.bincount(targets, minlength=classes), strict=True):
        assert f"{label} ({size})" in texts
    assert {str(count) for count in counts[counts > 0]} <= set(texts)


def test_rate_picture_names_rates_and_methods(sweep, tmp_path):
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none"}):
        png, svg = plot_accuracy_by_rate(sweep, tmp_path / "rates")
    assert png.read_bytes().startswith(b"\x89PNG")
    texts = {text.text for text in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"8", "11.025", "16", "chance", "rate of training"} <= texts
    assert {"decimation, step rescaled", "resampling, step not rescaled"} <= texts


def test_pictures_are_reproducible(sweep, tmp_path):
    first, second = (plot_accuracy_by_rate(sweep, tmp_path / name) for name in ("a", "b"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize("rates", [[16_000], [8_000], [44_100, 48_000]])
def test_report_of_few_rates(model, clips, rates, tmp_path):
    write_report(sweep_rates(model, clips, rates, progress=False), tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == FILES


@pytest.mark.parametrize(
    ("rate", "text"), [(16_000, "16 kHz"), (11_025, "11.025 kHz"), (192_000, "192 kHz")]
)
def test_kilohertz(rate, text):
    assert kilohertz(rate) == text
