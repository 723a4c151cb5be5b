"""Tables, files and pictures of a stream evaluation."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from rich.console import Console

from s4audio.data.annotations import Spoken
from s4audio.errors import UserError
from s4audio.evaluation.detection import Timeline
from s4audio.evaluation.detection_report import print_stream_report, write_stream_report
from s4audio.evaluation.detection_tables import (
    closer_table,
    condition_table,
    miss_table,
    tables,
    word_table,
)
from s4audio.evaluation.stream_evaluation import evaluate_timelines
from s4audio.evaluation.timeline_plot import plot_minute

SPOKEN = (
    Spoken("yes", 1, 1.5),
    Spoken("no", 5, 5.5),
    Spoken("maybe", 10, 10.5),
    Spoken("yes", 15, 15.4),
)


def timeline(name: str, clear: bool) -> Timeline:
    """Ten minutes; where it is not clear, one word is missed and two events are wrong."""
    scores = np.full((6000, 2), 0.01)
    scores[[155, 1555], 0] = 0.9
    scores[560, 1] = 0.9 if clear else 0.02
    if not clear:
        scores[1050, 1] = scores[3000, 0] = 0.95
    return Timeline(name, scores, 0.1 * 0.1, ("yes", "no"), SPOKEN)


@pytest.fixture
def evaluation():
    timelines = [timeline("20 dB", True), timeline("0 dB", False)]
    return evaluate_timelines(timelines, 0.3, 1.0, 0.75, threshold=0.8)


def test_misses(evaluation):
    table = miss_table(evaluation)
    assert [row[0] for row in table.rows] == ["20 dB", "0 dB", "all"]
    assert table.rows[0][2:6] == ("3", "0.0", "0.0", "0.0")
    # Its false accepts score higher than its hits.
    assert table.rows[1][2:] == ("3", "100.0", "100.0", "100.0", "none")
    assert table.rows[2][2] == "6"
    assert "60.0 an hour" in table.notes[1]


def test_closer_look(evaluation):
    rows = closer_table(evaluation).rows
    assert rows[0] == ("20 dB", "0.0", "0.0", "0", "0", "0", "0", "0.11", "0.15")
    assert rows[1][:7] == ("0 dB", "33.3", "120.0", "0", "1", "1", "0")
    words = word_table(evaluation).rows
    assert words[0] == ("yes", "", "4", "0.0 (0.0-49.0)", "30.0", "0.11")
    assert words[1][:5] == ("no", "", "2", "50.0 (9.5-90.5)", "30.0")
    each = condition_table(evaluation)
    assert each.headers == ("word", "20 dB", "0 dB")
    assert each.rows == (("yes", "0.0, 0.11", "0.0, 0.11"), ("no", "0.0, 0.11", "100.0"))


def test_without_a_threshold_the_best_one_is_looked_at():
    timelines = [timeline("20 dB", True)]
    evaluation = evaluate_timelines(timelines, 0.3, 1.0, 0.75)
    assert evaluation.pooled.miss_rates[evaluation.pooled.best(0.5)] == 0
    assert 0.02 < evaluation.threshold <= 0.9
    assert evaluation.outcomes[0].count("hit") == 3
    noisy = evaluate_timelines([timeline("0 dB", False)], 0.3, 1.0, 0.75)
    assert noisy.outcomes[0].count("hit") == 2


def test_tables_fit_a_narrow_terminal(evaluation, capsys):
    for table in tables(evaluation):
        console = Console(width=80, record=True, file=io.StringIO())
        console.print(table.rich())
        assert max(map(len, console.export_text().splitlines())) <= 80
    print_stream_report(evaluation)
    assert "all" in capsys.readouterr().out


def test_files(evaluation, tmp_path: Path):
    files = write_stream_report(evaluation, tmp_path / "new" / "stream")
    pictures = ("tradeoff", "latency", "confusion", "timeline")
    assert {path.name for path in files} == {
        "report.md",
        "report.json",
        "spoken.csv",
        "events.csv",
        *(f"{name}.{kind}" for name in pictures for kind in ("png", "svg")),
    }
    by_name = {path.name: path for path in files}
    for name in pictures:
        assert by_name[f"{name}.png"].read_bytes().startswith(b"\x89PNG")
        assert ET.parse(by_name[f"{name}.svg"]).getroot().tag.endswith("svg")
        assert f"({name}.png)" in by_name["report.md"].read_text()
    document = json.loads(by_name["report.json"].read_text())
    assert (
        document["all"]["points"][1]["miss_rate"]
        == evaluation.pooled.miss_rates[evaluation.pooled.best(0.5)]
    )
    assert document["recordings"][0]["latencies"] == [0.06, 0.11, 0.16]
    assert [word["hits"] for word in document["recordings"][1]["words"]] == [2, 0]
    assert document["words"][1]["median_latency"] == 0.11
    assert document["recordings"][1]["curve"]["thresholds"][-1] is None
    assert document["confusion"] == [[4, 0, 0], [0, 1, 1], [0, 1, 0], [1, 0, 0]]
    with by_name["events.csv"].open() as file:
        outcomes = [row["outcome"] for row in csv.DictReader(file)]
    assert sorted(outcomes) == ["hit"] * 5 + ["noise", "other word"]
    assert len(by_name["spoken.csv"].read_text().splitlines()) == 1 + 2 * len(SPOKEN)


def test_a_recording_without_keywords_counts_false_accepts_only(tmp_path: Path):
    scores = np.full((3000, 2), 0.001)
    scores[1000, 0] = 0.95
    ambient = Timeline("night", scores, 0.01, ("yes", "no"), ())
    evaluation = evaluate_timelines([ambient, timeline("day", True)], 0.3, 1.0, 0.75, 0.8)
    assert miss_table(evaluation).rows[0][2:6] == ("0", "", "", "")
    assert miss_table(evaluation).rows[1][2:4] == ("3", "0.0")
    assert closer_table(evaluation).rows[0][1:3] == ("", "120.0")
    # Its false accept scores higher than the hits of the other one.
    assert evaluation.pooled.miss_rates[evaluation.pooled.best(1.0)] == 1
    write_stream_report(evaluation, tmp_path)
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["recordings"][0]["points"][0]["miss_rate"] is None


def test_an_empty_closer_look_has_pictures_too(tmp_path: Path):
    silent = Timeline("nothing", np.full((3000, 2), 0.001), 0.01, ("yes", "no"), SPOKEN)
    evaluation = evaluate_timelines([silent], 0.3, 1.0, 0.75)
    assert evaluation.outcomes[0].latencies.size == 0
    write_stream_report(evaluation, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["threshold"] is None
    with rc_context({"svg.fonttype": "none"}):
        _, picture = plot_minute(evaluation.outcomes[0], evaluation.threshold, tmp_path / "minute")
    assert "nothing, threshold none" in picture.read_text()


def test_mistakes(tmp_path: Path, evaluation):
    with pytest.raises(UserError, match="tolerance"):
        evaluate_timelines([timeline("a", True)], 0.3, 1.0, -1)
    with pytest.raises(UserError, match="threshold"):
        evaluate_timelines([timeline("a", True)], 0.3, 1.0, 0.75, threshold=1.5)
    nobody = Timeline("b", np.zeros((10, 1)), 0.1, ("yes",), ())
    with pytest.raises(UserError, match="no keyword is spoken in b: "):
        evaluate_timelines([nobody], 0.3, 1.0, 0.75)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--output"):
        write_stream_report(evaluation, tmp_path / "file" / "stream")
