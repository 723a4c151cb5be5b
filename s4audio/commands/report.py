"""What `fit` and `test` show and write at the end."""

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch.callbacks import ModelCheckpoint
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from s4audio.commands.debug import debugging, one_line
from s4audio.commands.runs import shown
from s4audio.evaluation import RateSweep, evaluate
from s4audio.tasks.callbacks import duration

if TYPE_CHECKING:
    from s4audio.commands.training import TrainingCLI

Rows = list[tuple[str, str]]


def close_fit(cli: "TrainingCLI", output: Path, seconds: float) -> int:
    """Test the best checkpoint of a finished training, sweep the rates, and say where things are.

    Args:
        cli: The command that has just trained.
        output: Folder of tables and plots.
        seconds: Duration of the training.

    Returns:
        0, or 1 when the training is done but its report failed.
    """
    checkpoint = _best_checkpoint(cli)
    where = "nowhere (no epoch was saved)" if checkpoint is None else shown(checkpoint)
    try:
        cli.trainer.test(
            cli.model,
            datamodule=cli.datamodule,
            ckpt_path=checkpoint,
            verbose=False,
            weights_only=True,
        )
        rows = _figures(cli, output)
    except Exception as error:  # whatever fails here must not look as if the training were lost
        if debugging():
            traceback.print_exc()
        print(
            "s4audio: training is done, but its report failed "
            f"({type(error).__name__}: {one_line(error)}); the checkpoint is at {where}",
            file=sys.stderr,
        )
        return 1
    rows += [("training", duration(seconds)), ("checkpoint", where)]
    if checkpoint is not None:
        rows.append(("logs, plots", shown(output)))
    _panel("done", rows)
    return 0


def close_test(cli: "TrainingCLI", output: Path) -> None:
    """Print and write the figures of a finished test, and sweep the rates that were asked for.

    Args:
        cli: The command that has just tested.
        output: Folder of tables and plots.
    """
    rows = _figures(cli, output)
    if not cli.trainer.fast_dev_run:  # type: ignore[attr-defined]
        rows.append(("tables, plots", shown(output)))
    _panel("test", rows)


def _figures(cli: "TrainingCLI", output: Path) -> Rows:
    """Write the tables and plots of the test and return its main figures."""
    rows: Rows = cli.model.test_figures()
    if cli.trainer.fast_dev_run:  # type: ignore[attr-defined]
        return rows
    if not cli.report.rates:
        cli.model.write_test(output, cli.datamodule)
        return rows
    clips = cli.datamodule.split("testing")
    rates = sorted({clips.sample_rate, *cli.report.rates})
    sweep = evaluate(
        cli.model.network, clips, rates, Path(shown(output)), progress=sys.stderr.isatty()
    )
    return rows + _zero_shot(sweep)


def _zero_shot(sweep: RateSweep) -> Rows:
    """Accuracies at the other rates; decimation, the papers' protocol, where there is one."""
    decimated = {row.sample_rate for row in sweep.rows if row.method == "decimation"}
    return [
        (f"{row.sample_rate / 1000:g} kHz zero-shot ({row.method})", f"{row.accuracy:.2%}")
        for row in sweep.rows
        if row.rescaled
        and row.method != "native"
        and (row.method == "decimation" or row.sample_rate not in decimated)
    ]


def _best_checkpoint(cli: "TrainingCLI") -> Path | None:
    """The best checkpoint, else the last one; None when nothing was saved."""
    callback = cli.trainer.checkpoint_callback
    if not isinstance(callback, ModelCheckpoint) or callback.dirpath is None:
        return None
    last = Path(callback.dirpath) / "last.ckpt"
    if callback.best_model_path:
        return Path(callback.best_model_path)
    return last if last.exists() else None


def _panel(title: str, rows: Rows) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    Console().print(Panel(table, title=title, expand=False))
