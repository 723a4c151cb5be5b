"""Tables, files and pictures of a benchmark."""

import io
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from rich.console import Console

from s4audio.benchmark import Group, GroupResult
from s4audio.benchmark.machine import available_threads, describe_machine
from s4audio.benchmark.plots import plot_growth
from s4audio.benchmark.report import (
    Benchmark,
    digits,
    draw_result,
    duration,
    memory,
    print_result,
    result_table,
    write_report,
)
from s4audio.errors import UserError


def benchmark(*results):
    machine = {"processor": "Some CPU", "torch": "2.0"}
    return Benchmark("s4audio benchmark", "2026-01-01T10:00+00:00", machine, 2, results)


def test_table_of_a_comparison(comparison):
    table = result_table(comparison)
    assert table.headers == (
        "case",
        "time",
        "ratio",
        "memory",
        "ratio",
        "peak RSS",
        "error",
        "gradient",
    )
    assert table.rows == (
        ("s4audio", "20.0 ms", "1.00", "100 MB", "1.00", "700 MB", "1e-05", "2e-04"),
        ("naive", "80.0 ms", "4.00", "1.50 GB", "15.0", "700 MB", "", ""),
        ("keops", "", "", "", "", "", "", ""),
    )
    assert table.notes == ("FAILED: keops: needs pykeops",)


def test_table_of_growth(growth):
    table = result_table(growth)
    assert table.headers == ("case", "time", "a sample", "ratio", "memory", "peak RSS")
    assert table.rows[1] == ("S4, L=10,000", "20.0 ms", "2.00 µs", "1.00", "10 MB", "700 MB")
    assert [row[3] for row in table.rows] == ["1.00"] * 6


def test_ratios_a_sample_count_the_batch(make_row):
    rows = (make_row("batch 1", [1.0]), make_row("batch 8", [2.0], batch=8))
    group = Group("x", "x", tuple(row.case for row in rows), per_sample=True)
    result = GroupResult(group, rows)
    assert [result.ratio(row) for row in rows] == [1.0, 0.25]


def test_a_busy_machine_is_told_of(make_row):
    rows = (make_row("steady", [1.0], [1.1]), make_row("odd", [1.0], [1.5]))
    result = GroupResult(Group("x", "x", tuple(row.case for row in rows)), rows)
    assert result_table(result).notes == (
        "Times differ between processes (busy machine?): odd by 50 %.",
    )


def test_a_reference_that_failed_leaves_no_ratio(make_row):
    rows = (make_row("first", failure="no"), make_row("second", [1.0]))
    result = GroupResult(Group("x", "x", tuple(row.case for row in rows)), rows)
    assert result_table(result).rows[1][:4] == ("second", "1.00 s", "", "100 MB")


def test_tables_fit_a_narrow_terminal(comparison):
    console = Console(width=80, record=True, file=io.StringIO())
    rows = tuple(
        replace(row, case=replace(row.case, name="textbook keops")) for row in comparison.rows
    )
    console.print(result_table(replace(comparison, rows=rows)).rich())
    lines = console.export_text().splitlines()
    assert sum("textbook keops" in line for line in lines) == 3
    assert max(map(len, lines)) <= 80


def test_print(comparison, capsys):
    print_result(comparison)
    printed = capsys.readouterr().out
    assert printed.startswith("A kernel\n")
    assert "FAILED: keops: needs pykeops" in printed


def test_report_files(comparison, growth, tmp_path):
    write_report(benchmark(comparison, growth), tmp_path / "new" / "folder")
    for result in (comparison, growth):
        draw_result(result, tmp_path / "new" / "folder")
    found = {str(p.relative_to(tmp_path / "new" / "folder")) for p in tmp_path.rglob("*.*")}
    assert found == {
        "benchmark.json",
        "benchmark.md",
        "images/benchmark_block_by_length.png",
        "images/benchmark_block_by_length.svg",
    }
    text = (tmp_path / "new" / "folder" / "benchmark.md").read_text(encoding="utf-8")
    assert "| processor | Some CPU |" in text
    assert "| command | `s4audio benchmark` |" in text
    assert "## A kernel" in text
    assert "| naive | 80.0 ms | 4.00 |" in text
    assert "![A block](images/benchmark_block_by_length.svg)" in text


def test_report_json(comparison, tmp_path):
    write_report(benchmark(comparison), tmp_path)
    document = json.loads((tmp_path / "benchmark.json").read_text())
    assert document["machine"]["torch"] == "2.0"
    (group,) = document["groups"]
    ours, naive, keops = group["rows"]
    assert (ours["fastest"], ours["median"], ours["slowest"]) == (0.01, 0.02, 0.03)
    assert ours["processes"][0]["total"] == [0.02, 0.01, 0.03]
    assert ours["gradient_errors"] == {"C": 2e-4}
    assert naive["ratio"] == pytest.approx(4)
    assert naive["above_baseline"] == 1_500_000_000
    assert keops["failure"] == "needs pykeops"
    assert keops["median"] is None


def test_json_has_no_infinity(comparison, tmp_path):
    errors = {"error": math.inf, "gradient_errors": {"C": math.nan}}
    rows = [replace(row, **errors) for row in comparison.rows]
    write_report(benchmark(replace(comparison, rows=tuple(rows))), tmp_path)
    row = json.loads((tmp_path / "benchmark.json").read_text())["groups"][0]["rows"][0]
    assert (row["error"], row["gradient_errors"]) == (None, {"C": None})


def test_a_folder_that_cannot_be_written(comparison, growth, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be written to .*file.*--output") as caught:
        write_report(benchmark(comparison), tmp_path / "file")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"cannot be written to .*file.*--output") as caught:
        draw_result(growth, tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_picture(growth, tmp_path):
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none"}):
        png, svg = plot_growth(growth, tmp_path / "growth")
    assert png.read_bytes().startswith(b"\x89PNG")
    texts = [text.text for text in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {"S4", "S4D", "O(L log L)", "O(L)", "A block", "time of a step (s)"} <= {*texts}


def test_picture_without_failed_rows_and_memory(growth, tmp_path):
    rows = list(growth.rows)
    rows[0] = replace(rows[0], rounds=(), failure="no")
    unknown = replace(rows[1].rounds[0], peak_rss=None, above_baseline=None)
    rows[1] = replace(rows[1], rounds=(unknown,))
    first, second = (plot_growth(replace(growth, rows=tuple(rows)), tmp_path / n) for n in "ab")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.34, "12.3 s"),
        (1, "1.00 s"),
        (0.1234, "123 ms"),
        (9.996e-3, "10.0 ms"),
        (5e-9, "5.00 ns"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("x", "text"), [(0.214, "0.21"), (99.96, "100"), (1234.5, "1234")])
def test_digits(x, text):
    assert digits(x) == text


def test_memory():
    assert [memory(size) for size in (None, 12_300_000, 1_234_000_000)] == ["", "12 MB", "1.23 GB"]


def test_machine():
    machine = describe_machine()
    assert {"processors", "system", "Python", "torch"} <= machine.keys()
    assert all(machine.values())
    assert int(machine["processors"]) == available_threads() >= 1
