"""False accepts are counted in the part without keywords, where there is one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from s4audio.data.annotations import Spoken
from s4audio.evaluation.detection import Timeline
from s4audio.evaluation.detection_report import write_stream_report
from s4audio.evaluation.detection_tables import closer_table, tables
from s4audio.evaluation.outcome import FALSE_ACCEPTS, judge, word_counts
from s4audio.evaluation.stream_evaluation import evaluate_timelines
from s4audio.evaluation.tradeoff import sweep

ROW = 0.1


def timeline(negatives_from: float) -> Timeline:
    """A hit at 1 s, false accepts at 5, 13 and 17 s; 20 s in all."""
    scores = np.zeros((200, 2))
    for row, word, score in ((10, 0, 0.9), (50, 1, 0.8), (130, 1, 0.7), (170, 0, 0.6)):
        scores[row : row + 3, word] = score
    spoken = (Spoken("yes", 0.5, 1.0), Spoken("cat", 12.5, 13.0))
    return Timeline("20 dB", scores, ROW, ("yes", "no"), spoken, negatives_from)


def test_the_sweep():
    thresholds = np.array([0.5, 0.65, 0.75])
    everywhere = sweep(timeline(0), thresholds, 1.0, 0.75)
    assert everywhere.false_accepts.tolist() == [3, 2, 1, 0]
    assert everywhere.hours == pytest.approx(20 / 3600)
    later = sweep(timeline(10), thresholds, 1.0, 0.75)
    assert later.hits.tolist() == everywhere.hits.tolist() == [1, 1, 1, 0]
    assert later.false_accepts.tolist() == [2, 1, 0, 0]
    assert later.hours == pytest.approx(10 / 3600)


def test_the_closer_look():
    outcome = judge(timeline(10), 0.5, 1.0, 0.75)
    assert outcome.causes == ("hit", "noise", "other word", "noise")
    assert outcome.false_accepts.tolist() == [False, False, True, True]
    assert [word_counts([outcome], word) for word in (0, 1)] == [(1, 1), (0, 1)]
    assert [outcome.counted(cause) for cause in FALSE_ACCEPTS] == [0, 1, 1, 0]
    everywhere = replace(outcome, timeline=timeline(0))
    assert [word_counts([everywhere], word) for word in (0, 1)] == [(1, 1), (0, 2)]


def test_the_table_says_where_they_are_counted():
    said = "of the part without keywords"
    for begin, is_said in ((10.0, True), (0.0, False)):
        found = tables(evaluate_timelines([timeline(begin)], 0.3, 1.0, 0.75, 0.5))
        assert any(said in note for note in found[0].notes) == is_said
    closer = tables(evaluate_timelines([timeline(10.0)], 0.3, 1.0, 0.75, 0.5))[1]
    assert closer.rows[0][2] == f"{2 / (10 / 3600):.1f}"


def test_causes_add_up_to_the_false_accepts_that_count(tmp_path: Path):
    for begin, causes in ((10.0, ["0", "1", "1", "0"]), (0.0, ["0", "1", "2", "0"])):
        evaluation = evaluate_timelines([timeline(begin)], 0.3, 1.0, 0.75, 0.5)
        assert list(closer_table(evaluation).rows[0][3:7]) == causes
        write_stream_report(evaluation, tmp_path)
        (recording,) = json.loads((tmp_path / "report.json").read_text())["recordings"]
        assert list(recording["false_accepts_by_cause"].values()) == list(map(int, causes))
