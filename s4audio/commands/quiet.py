"""Keeps the training framework's chatter off the user's screen; real warnings stay, in one line."""

import logging
import sys
import warnings
from typing import TextIO


def quiet_lightning() -> None:
    """Hide notes about hardware, sanity checks and advice that does not apply here."""
    from lightning.fabric.utilities.warnings import PossibleUserWarning

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # What `--trainer.profiler` reports is asked for.
    logging.getLogger("lightning.pytorch.profilers.profiler").setLevel(logging.INFO)
    # Advice on num_workers and such, and what libraries tell each other's authors.
    for category in (PossibleUserWarning, DeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", category=category)
    for message in (
        ".*srun.*",
        ".*Experiment logs directory.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*callbacks used to create the checkpoint need to be provided.*",
        ".*lr_scheduler.step.*before.*optimizer.step.*",
    ):
        warnings.filterwarnings("ignore", message=message)
    warnings.showwarning = _show


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=file or sys.stderr)
