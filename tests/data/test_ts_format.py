"""Text files of the time series regression archive."""

from pathlib import Path

import numpy as np
import pytest

from s4audio.data.ts_format import read_ts
from s4audio.errors import UserError

HEADER = "#comment\n@problemName BIDMC32HR\n@timeStamps false\n@targetlabel true\n@data\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "rows.ts"
    path.write_text(text, encoding="latin-1")
    return path


def test_dimensions_become_the_last_axis(tmp_path: Path):
    series, targets = read_ts(write(tmp_path, HEADER + "1,2,3:4,5,6:70.5\n\n-1,0,1:1e2,0,0:80\n"))
    assert series.shape == (2, 3, 2)
    assert series.dtype == targets.dtype == np.float32
    assert series[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert series[1, 0].tolist() == [-1, 100]
    assert targets.tolist() == [70.5, 80]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2:3,4:5\n", "no line @data"),
        (HEADER, "no rows below @data"),
        (HEADER + "1,2:3,x:5\n", "line 6: not numbers"),
        (HEADER + "1,2:3,4:\n", "line 6: not numbers"),
        (HEADER + "1,2:3,4:5\n1,2:3,4,5:5\n", "line 7: 2 series"),
        (HEADER + "1,2:3,4:5\n1,2:5\n", "line 7: 1 series"),
        (HEADER + "5\n", "line 6: 0 series"),
        (HEADER + "1,?:3,4:5\n", "line 6: a value is missing"),
        (HEADER + "1,2:3,4:?\n", "line 6: a value is missing"),
        (HEADER.replace("false", "true") + "(0,1):5\n", "line 3: series with time stamps"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(UserError, match=message) as error:
        read_ts(write(tmp_path, text))
    assert "\n" not in str(error.value)
