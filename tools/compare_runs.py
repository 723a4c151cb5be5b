"""Compare a curve of two training runs, such as the loss before and after a change of code.

    python tools/compare_runs.py runs/before/version_0 runs/after/version_0 --tolerance 1e-4

Runs with the same recipe and seed see the same batches, so their curves can be compared step by
step. Prints the largest difference and the first step where they differ. Exit code 0: equal within
the tolerance; 1: not; 2: the files cannot be compared.
"""

import argparse
import csv
import math
import sys
from pathlib import Path

Curve = dict[int, float]


def read_curve(run: Path, column: str) -> Curve:
    """One column of a run's metrics by step.

    Args:
        run: metrics.csv or the folder that holds it.
        column: name of the figure, such as train/loss_step.

    Returns:
        values by step.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has no such column, or no value in it.
    """
    path = run / "metrics.csv" if run.is_dir() else run
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        if column not in names or "step" not in names:
            raise ValueError(f"{path} has no column {column!r}; it has {', '.join(names)}")
        curve = {int(row["step"]): float(row[column]) for row in reader if row[column]}
    if not curve:
        raise ValueError(f"{path} has no value in column {column!r}")
    return curve


def difference(first: float, second: float) -> float:
    """How far two values are apart; not-a-number is equal to itself only."""
    if first == second or (math.isnan(first) and math.isnan(second)):
        return 0.0
    apart = abs(first - second)
    return math.inf if math.isnan(apart) else apart


def compare(first: Curve, second: Curve, tolerance: float) -> bool:
    """Print how two curves differ.

    Args:
        first: values by step.
        second: the same of the other run.
        tolerance: largest difference that passes, 0 or more.

    Returns:
        whether they have the same steps and agree within the tolerance.

    Raises:
        ValueError: no step is in both.
    """
    steps = sorted(first.keys() & second.keys())
    if not steps:
        raise ValueError("the runs have no step in common: give two runs with the same settings")
    apart = {step: difference(first[step], second[step]) for step in steps}
    worst = max(steps, key=apart.__getitem__)
    print(f"steps compared: {len(steps)}, {steps[0]} to {steps[-1]}")
    print(f"largest difference: {apart[worst]:.3g} at step {worst}")
    differing = [step for step in steps if apart[step] > 0]
    for step in differing[:1]:
        print(f"first difference: step {step}, {first[step]!r} and {second[step]!r}")
    alone = sorted(first.keys() ^ second.keys())
    if alone:
        print(f"steps in one run only: {len(alone)}, first {alone[0]}")
    same = not alone and apart[worst] <= tolerance
    print(f"{'equal' if same else 'NOT equal'} within {tolerance:g}")
    return same


def main() -> int:
    """Read both runs and compare."""
    parser = argparse.ArgumentParser(description="Compare a curve of two training runs.")
    parser.add_argument("first", type=Path, help="folder of a run of `s4audio fit`, or metrics.csv")
    parser.add_argument("second", type=Path, help="the other run")
    parser.add_argument("--column", default="train/loss_step", help="figure to compare")
    parser.add_argument("--tolerance", type=float, default=0.0, help="largest difference allowed")
    options = parser.parse_args()
    curves = [read_curve(run, options.column) for run in (options.first, options.second)]
    return 0 if compare(curves[0], curves[1], options.tolerance) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, OSError) as error:
        print(f"compare_runs: {error}", file=sys.stderr)
        sys.exit(2)
