"""Options of a network: their types, and those that would do nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import s4audio
from s4audio import UserError


def tiny(kind: Any = "s4d", **options: Any) -> s4audio.SequenceClassifier:
    return s4audio.create_model(kind, **{"classes": 3, "d_model": 8, "n_layers": 1, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": None}, "unknown kind 'None'"),
        ({"kind": 4}, "unknown kind '4'"),
        ({"normalization": None}, "unknown normalization 'None'"),
        ({"d_model": None}, "d_model must be a whole number, got None"),
        ({"bidirectional": "no"}, "bidirectional must be true or false, got 'no'"),
        ({"glu": 1}, "glu must be true or false, got 1"),
        ({"prenorm": None}, "prenorm must be true or false, got None"),
        ({"dropout": "0.1"}, "dropout must be a number, got '0.1'"),
        ({"dropout": None}, "dropout must be a number, got None"),
        ({"dropout": False}, "dropout must be a number, got False"),
        ({"dt_min": "small"}, "dt_min must be a number, got 'small'"),
        ({"bandlimit": "0.5"}, "bandlimit must be a number, got '0.5'"),
        ({"classes": True}, "classes=True must be a number"),
        ({"sample_rate": "16k"}, "sample_rate must be at least 1 Hz, got '16k': give a whole"),
        ({"sample_rate": float("nan")}, "sample_rate must be at least 1 Hz, got nan"),
    ],
)
def test_types(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stem_kernel": 8}, "stem_kernel=8 does not belong to a network whose stem_stride is 1"),
        ({"vocabulary": 5, "d_input": 3}, "d_input=3 does not belong to an embedding"),
        (
            {"vocabulary": 5, "ngrams": 2, "stem_stride": 8, "bands": 4},
            "bands=4 does not belong to an embedding",
        ),
    ],
)
def test_options_that_would_do_nothing(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny(**options)


def test_numbers_of_numpy_are_saved(tmp_path: Path) -> None:
    model = tiny(
        classes=np.int64(3),
        d_model=np.int32(8),
        dropout=np.float32(0.5),
        sample_rate=np.int64(8000),
    )
    model.save_pretrained(tmp_path)
    loaded = s4audio.load(tmp_path)
    assert loaded.config == model.config
    assert loaded.sample_rate == 8000
