"""Results made up, so that tables and pictures can be tested without measuring."""

import pytest

from s4audio.benchmark import Case, Group, GroupResult, Measurement, Row


def measured(seconds, above=100e6, peak=700e6):
    """One process whose steps took these times."""
    return Measurement([s / 2 for s in seconds], list(seconds), int(peak), int(above), "VmHWM")


@pytest.fixture
def make_row():
    def row(name, *rounds, length=1000, batch=1, above=100e6, **values):
        case = Case(name, "kernel", {"length": length, "batch": batch})
        return Row(case, tuple(measured(r, above) for r in rounds), **values)

    return row


@pytest.fixture
def comparison(make_row):
    """Ours, a form four times slower with errors, and one that failed."""
    rows = (
        make_row("s4audio", [0.02, 0.01, 0.03], [0.02], error=1e-5, gradient_errors={"C": 2e-4}),
        make_row("naive", [0.08], [0.08], above=1.5e9),
        make_row("keops", failure="needs pykeops"),
    )
    group = Group("kernels", "A kernel", tuple(row.case for row in rows))
    return GroupResult(group, rows)


@pytest.fixture
def growth(make_row):
    """Two lines over three lengths."""
    lengths = (1000, 10_000, 100_000)
    rows = tuple(
        make_row(name, [scale * length * 1e-6], length=length, above=length * 1e3)
        for name, scale in (("S4", 2.0), ("S4D", 1.0))
        for length in lengths
    )
    group = Group("lengths", "A block", tuple(r.case for r in rows), per_sample=True, plot="block")
    return GroupResult(group, rows)
