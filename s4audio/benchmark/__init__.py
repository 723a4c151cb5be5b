"""The benchmark: time, peak memory and error of every part, each case in its own process.

`cases` says what a case is, `suites` lists them, `worker` measures one, `runner` starts the
processes, `report` and `plots` show what came out, `run` does all of it. A new suite is a function
in `suites` and, if it measures a new thing, a module in `subjects`.
"""

from s4audio.benchmark.cases import Case, Group, GroupResult, Measurement, Row

__all__ = ["Case", "Group", "GroupResult", "Measurement", "Row"]
