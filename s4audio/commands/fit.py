"""Runs `fit`, `validate`, `test` and `predict`."""

import signal
import sys
import time
from pathlib import Path
from typing import get_args

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException

from s4audio.commands.debug import one_line
from s4audio.commands.quiet import quiet_lightning
from s4audio.commands.report import close_fit, close_test
from s4audio.commands.runs import check_writable, folder_of, shown
from s4audio.commands.training import Command, TrainingCLI
from s4audio.errors import UserError


def run(command: Command, arguments: list[str]) -> int:
    """Run one of the four.

    Args:
        command: Which.
        arguments: The words after it.

    Returns:
        Exit code.

    Raises:
        UserError: The options, the data or the checkpoint are at fault.
    """
    assert command in get_args(Command)
    if not arguments:
        raise UserError(f"{command} needs a recipe: s4audio {command} --config RECIPE.yaml")
    quiet_lightning()
    steps = {"fit": _fit, "validate": _validate, "test": _test, "predict": _predict}
    try:
        cli = TrainingCLI(command, arguments)
        _check(cli)
        return steps[command](cli)
    except MisconfigurationException as error:
        raise UserError(one_line(error)) from error


def _check(cli: TrainingCLI) -> None:
    """Refuse what would fail only after the work."""
    fast_dev_run = cli.trainer.fast_dev_run  # type: ignore[attr-defined]
    if cli.checkpoint is None and cli.command != "fit" and not fast_dev_run:
        raise UserError(f"{cli.command} needs the weights: give --ckpt_path PATH (or 'last')")
    if fast_dev_run or cli.command == "validate":
        return
    if cli.command == "fit":
        check_writable(Path(cli.trainer.default_root_dir), "--trainer.default_root_dir")
    check_writable(output_folder(cli), "--report.output")


def output_folder(cli: TrainingCLI) -> Path:
    """Where tables, plots and predictions go: `report.output`, else the run's folder."""
    if cli.report.output is not None:
        return cli.report.output
    if cli.command == "fit":
        return Path(cli.trainer.log_dir or cli.trainer.default_root_dir)
    if cli.checkpoint is None:
        return Path(cli.trainer.default_root_dir)
    return folder_of(cli.checkpoint) or cli.checkpoint.parent


def _fit(cli: TrainingCLI) -> int:
    started = time.monotonic()
    parameters = sum(p.numel() for p in cli.model.parameters() if p.requires_grad)
    print(f"{parameters:,} parameters; data: {type(cli.datamodule).__name__}", flush=True)
    if not cli.trainer.fast_dev_run:  # type: ignore[attr-defined]
        print(f"run: {shown(output_folder(cli))}", flush=True)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        cli.trainer.fit(
            cli.model, datamodule=cli.datamodule, ckpt_path=cli.checkpoint, weights_only=True
        )
    except SystemExit as stop:
        # Lightning ignores further Ctrl+C while it shuts down, and leaves it at that.
        signal.signal(signal.SIGINT, interrupt)
        terminated = isinstance(stop, SIGTERMException)
        if terminated or isinstance(stop.__context__, KeyboardInterrupt):
            _say_where_to_continue(cli)
        if terminated:
            return 128 + signal.SIGTERM
        raise
    return close_fit(cli, output_folder(cli), time.monotonic() - started)


def _validate(cli: TrainingCLI) -> int:
    (scores,) = cli.trainer.validate(
        cli.model,
        datamodule=cli.datamodule,
        ckpt_path=cli.checkpoint,
        verbose=False,
        weights_only=True,
    )
    print(f"validation {cli.model.validation_line(scores)}", flush=True)
    return 0


def _test(cli: TrainingCLI) -> int:
    cli.trainer.test(
        cli.model,
        datamodule=cli.datamodule,
        ckpt_path=cli.checkpoint,
        verbose=False,
        weights_only=True,
    )
    close_test(cli, output_folder(cli))
    return 0


def _predict(cli: TrainingCLI) -> int:
    batches = cli.trainer.predict(
        cli.model, datamodule=cli.datamodule, ckpt_path=cli.checkpoint, weights_only=True
    )
    assert batches is not None
    path = output_folder(cli) / "scores.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = cli.model.write_predictions(path, batches, cli.datamodule)
    print(f"{rows:,} rows of predictions: {shown(path)}")
    return 0


def _say_where_to_continue(cli: TrainingCLI) -> None:
    last = Path(cli.trainer.log_dir or ".") / "checkpoints" / "last.ckpt"
    if last.exists():
        print(f"\nstopped; continue with --ckpt_path {shown(last)}", file=sys.stderr, flush=True)
    else:
        print("\nstopped before the first checkpoint", file=sys.stderr, flush=True)
