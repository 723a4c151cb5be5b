"""Files of the time series regression archive: ``.ts`` text."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s4audio.errors import UserError

FloatArray = NDArray[np.float32]


def read_ts(path: Path) -> tuple[FloatArray, FloatArray]:
    """Read series of equal length with one number as target each.

    After a header of lines with ``@`` comes one line a row: the dimensions, separated by colons,
    each a list of numbers with commas, and at the end the target.

    Args:
        path: The file.

    Returns:
        Series (rows, time, dimensions) and targets (rows,).

    Raises:
        UserError: The first thing wrong with the file, with its line.

    Source: Tan, Bergmeir, Petitjean, Webb, "Time Series Extrinsic Regression" (2021).
    """
    series: list[FloatArray] = []
    targets: list[float] = []
    for number, line in _data_lines(path):
        where = f"{path}, line {number}"
        *dimensions, target = line.split(":")
        try:
            rows = [np.array(part.split(","), dtype=np.float32) for part in dimensions]
            targets.append(float(target))
        except ValueError:
            raise UserError(
                f"{where}: not numbers separated by commas, dimensions by colons"
            ) from None
        lengths = {len(row) for row in rows}
        if len(lengths) != 1 or (series and series[0].shape != (*lengths, len(rows))):
            raise UserError(f"{where}: {len(rows)} series of {lengths or 0} steps, unlike the rest")
        series.append(np.stack(rows, axis=1))
        if not np.isfinite(series[-1]).all() or not np.isfinite(targets[-1]):
            raise UserError(f"{where}: a value is missing; leave the row out")
    if not series:
        raise UserError(f"{path}: no rows below @data")
    return np.stack(series), np.array(targets, dtype=np.float32)


def _data_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line with data; missing values, ``?``, become NaN."""
    in_data = False
    # The archive's comments are not all UTF-8.
    with path.open(encoding="latin-1") as file:
        for number, text in enumerate(file, 1):
            line = text.strip()
            if line.lower() == "@timestamps true":
                raise UserError(f"{path}, line {number}: series with time stamps are not read")
            if in_data and line:
                yield number, line.replace("?", "nan")
            in_data = in_data or line.lower() == "@data"
    if not in_data:
        raise UserError(f"{path}: no line @data; is this a .ts file?")
