"""What a training shows and keeps: a line an epoch, and a checkpoint to continue from."""

import time
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from s4audio.tasks.figures import better, figure


class EpochLine(Callback):
    """Prints one line an epoch: loss, the task's main figure, duration and the time that is left.

    A line rather than a bar, so that a training whose output goes to a file can be followed.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self._epochs = 0
        self._epoch_started = 0.0
        self._best: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clocks; a training continued within an epoch has no start of an epoch."""
        self._started = self._epoch_started = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line."""
        self._epochs += 1
        metrics = trainer.callback_metrics
        line = [f"epoch {trainer.current_epoch + 1}/{_total(trainer.max_epochs)}"]
        if "train/loss" in metrics:
            line.append(f"train loss {float(metrics['train/loss']):.4f}")
        monitor = getattr(pl_module, "monitor", "val/loss")
        if monitor in metrics:
            now, choose = float(metrics[monitor]), max if better(monitor) == "max" else min
            self._best = now if self._best is None else choose(self._best, now)
            name, best = monitor.replace("/", " "), figure(monitor, self._best)
            line.append(f"{name} {figure(monitor, now)} (best {best})")
        clock = time.monotonic()
        line.append(duration(clock - self._epoch_started))
        left = self._seconds_left(trainer, clock)
        if left:
            line.append(f"{duration(left)} left")
        if trainer.is_global_zero:
            print("  ".join(line), flush=True)

    def state_dict(self) -> dict[str, float | None]:
        """The best figure, for a continued training."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, float | None]) -> None:
        """Take up the best figure of the training that is continued."""
        self._best = state_dict["best"]

    def _seconds_left(self, trainer: Trainer, now: float) -> float | None:
        if trainer.max_epochs is None or trainer.max_epochs < 0:
            return None
        remaining = trainer.max_epochs - trainer.current_epoch - 1
        return (now - self._started) / self._epochs * remaining


class CheckTestSplit(Callback):
    """Opens the test split before the training that ends with a test, so that it cannot lack it."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open it; data sets raise UserError for an empty one."""
        trainer.datamodule.test_dataloader()  # type: ignore[attr-defined]


class KeepLast(Checkpoint):
    """Writes `last.ckpt` beside the best checkpoint, so that a training can be continued.

    It is written after every epoch, every few minutes within a long one, and when the user or the
    system (SIGTERM) ends the training. (`ModelCheckpoint.save_last` writes only when the best
    improves.)

    Args:
        minutes: Time between two writes within an epoch, above 0.
    """

    def __init__(self, minutes: float = 15.0) -> None:
        self._seconds = 60 * minutes
        self._saved = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._saved = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Save when the time has come."""
        if time.monotonic() - self._saved > self._seconds:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        self._save(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save a training that was ended from outside.

        One that failed is not saved: its weights may be at fault. Nor is anything in the test
        behind a training, where the weights are those of the best epoch.
        """
        training = trainer.state.fn == TrainerFn.FITTING and trainer.global_step > 0
        if training and isinstance(exception, KeyboardInterrupt | SIGTERMException):
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        best = trainer.checkpoint_callback
        if trainer.fast_dev_run or not isinstance(best, ModelCheckpoint):  # type: ignore[attr-defined]
            return
        if best.dirpath is not None:
            trainer.save_checkpoint(Path(best.dirpath) / "last.ckpt")
            self._saved = time.monotonic()


def duration(seconds: float) -> str:
    """A duration in words: "42 s", "7 min", "3 h 05 min".

    Args:
        seconds: 0 or more.

    Returns:
        Seconds below two minutes, then whole minutes, then hours and minutes.
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _total(max_epochs: int | None) -> str:
    return "?" if max_epochs is None or max_epochs < 0 else str(max_epochs)
