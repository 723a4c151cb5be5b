"""The picture of the table of recipes, and that the table has every recipe."""

import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "plot_results.py"
TABLE = ROOT / "recipes" / "README.md"
# Of data that the user brings.
WITHOUT_RESULTS = {"forecasting/csv_s4.yaml", "keyword_spotting/own_words.yaml"}

HEAD = "| task | measure | model | published | source | ours | command |"
DASHES = "| :-- | :-- | :-- | --: | :-- | --: | :-- |"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def run(monkeypatch, capsys):
    def run_script(*arguments):
        monkeypatch.setattr(sys, "argv", ["plot_results.py", *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as stop:
            return stop.code, capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run_script


def table(*rows):
    return "\n".join(["# Title", "", "| a | b |", "| - | - |", "", HEAD, DASHES, *rows, "", "end"])


def test_figures_conditions_and_words(script):
    text = table(
        "| Digits | accuracy (%): 16 kHz / 8 kHz | S4 | 96.08 (0.15) / none | | 90 / 80.5 | `a` |",
        "|  |  | S4D | none |  | not run here | `b` |",
        "| Text | bits | counts | 7; later 6 | | **2.50** | |",
    )
    assert [tuple(result) for result in script["read_results"](text)] == [
        ("Digits", "accuracy (%)", "S4, 16 kHz", 96.08, 90.0, False),
        ("Digits", "accuracy (%)", "S4, 8 kHz", None, 80.5, False),
        ("Digits", "accuracy (%)", "S4D, 16 kHz", None, None, False),
        ("Digits", "accuracy (%)", "S4D, 8 kHz", None, None, False),
        ("Text", "bits", "counts", 7.0, 2.5, True),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("| a | b |\n| - | - |", "no table with the columns task, measure"),
        (table("| A | bits | S4 | 1 | | 2 |"), "6 columns instead of 7"),
        (table("| A | bits: x / y | S4 | 1 | | none | |"), "S4: '1' holds 1 figures, expected 2"),
        (table("| A | bits | S4 | about 1 | | 2 | |"), "S4: 'about 1' is no figure"),
        (table("| A | bits | S4 | 1 | | none | |"), "no figure of ours"),
    ],
)
def test_mistakes_are_told_in_one_line(run, tmp_path, text, message):
    (tmp_path / "table.md").write_text(text)
    code, error = run(tmp_path / "table.md", tmp_path)
    assert code == 2
    assert error.startswith("plot_results: ")
    assert error.count("\n") == 1
    assert message in error


def test_a_dot_for_each_figure_of_rows_of_ours(script):
    text = table(
        "| Digits | accuracy (%) | S4 | 96 | [1] | 90 | `a` |",
        "|  |  | S4D | 97 | [1] | not run here | `b` |",
        "| Text | bits | S4 | none | | 2 | `c` |",
        "|  |  | counts | | | 3 | |",
    )
    figure = script["draw"](script["read_results"](text))
    dots = [
        [(x, line.get_marker()) for line in axis.lines for x in line.get_xdata()]
        for axis in figure.axes
    ]
    assert dots == [[(96.0, "D"), (90.0, "o")], [(2.0, "o"), (3.0, "s")]]
    assert figure.axes[0].get_xlim()[0] == 50
    assert figure.axes[1].get_xlim()[0] == 0
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["ours", "published", "ours, without a network"]


def test_the_table_of_recipes_is_drawn(run, tmp_path):
    assert run(TABLE, tmp_path) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"results.png", "results.svg"}


def test_the_table_has_every_recipe(script):
    rows = [script["_cells"](line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
    commands = [cells[-1].strip("`") for cells in rows if len(cells) == len(script["COLUMNS"])]
    named = [command.split()[0] for command in commands if command.split(" ")[0].endswith(".yaml")]
    recipes = {path.relative_to(TABLE.parent).as_posix() for path in TABLE.parent.rglob("*.yaml")}
    assert sorted(named) == sorted(recipes - WITHOUT_RESULTS)


def test_the_picture_shows_the_figures_of_the_table(script):
    # Text is outlines in the SVG, each with a comment.
    picture = (ROOT / "docs" / "images" / "results.svg").read_text(encoding="utf-8")
    results = script["read_results"](TABLE.read_text(encoding="utf-8"))
    shown = {f"{result.ours:g}" for result in results if result.ours is not None}
    assert [figure for figure in shown if f"<!-- {figure} -->" not in picture] == []
