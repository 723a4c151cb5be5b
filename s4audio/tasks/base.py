"""What every task shares: optimiser, schedule, checkpoints, and what the commands ask of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

import s4audio
from s4audio.errors import UserError
from s4audio.tasks.checkpoint import check_same_network
from s4audio.tasks.optimizer import OptimizerConfig, build_optimizer
from s4audio.tasks.schedule import ScheduleConfig, build_schedule


class Task(LightningModule, ABC):
    """A network, its loss and its figures.

    A subclass puts its network in `self.network`: a checkpoint holds its weights under that name.
    Constructor arguments are plain and typed, so that a recipe can give them; those with the name
    of a property of the data (`s4audio.commands.training.LINKED`) are filled in from the data.

    Attributes:
        monitor: Logged figure that the best checkpoint is chosen by.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.

    Args:
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
    """

    monitor: ClassVar[str] = "val/loss"
    network: nn.Module

    def __init__(self, optimizer: OptimizerConfig, schedule: ScheduleConfig) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.schedule = schedule

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """What rebuilds the network, as plain JSON types; its options under "config"."""

    @abstractmethod
    def test_figures(self) -> list[tuple[str, str]]:
        """Names and formatted values of the last test's main figures."""

    @abstractmethod
    def write_test(self, output: Path, data: Any) -> None:
        """Print the table of the last test, and write its tables and plots.

        Args:
            output: Folder, made if missing.
            data: The data module that was tested on.
        """

    @abstractmethod
    def write_predictions(self, path: Path, outputs: Sequence[Any], data: Any) -> int:
        """Write what `predict` gave, as CSV.

        Args:
            path: File; its folder exists.
            outputs: What `predict_step` returned, one for each batch.
            data: The data module that was predicted.

        Returns:
            Number of rows.
        """

    @abstractmethod
    def validation_line(self, scores: Mapping[str, float]) -> str:
        """One line for people.

        Args:
            scores: Logged figures of a validation, such as `val/loss`.
        """

    def configure_optimizers(self) -> Any:
        """AdamW in parameter groups and the schedule, in the form Lightning reads."""
        optimizer = build_optimizer(self.network, self.optimizer)
        steps = self.trainer.estimated_stepping_batches
        scheduler = build_schedule(optimizer, self.schedule, steps, self.monitor)
        if scheduler is None:
            return optimizer
        each: dict[str, Any] = {"scheduler": scheduler, "interval": "step"}
        if self.schedule.kind == "plateau":
            each = {
                "scheduler": scheduler,
                "interval": "epoch",
                "monitor": self.schedule.monitor or self.monitor,
            }
        return {"optimizer": optimizer, "lr_scheduler": each}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what it takes to rebuild the network and its data, as plain JSON types."""
        checkpoint["s4audio"] = {
            "task": type(self).__name__,
            **self.description(),
            "data": self._data().describe(),
            "version": s4audio.__version__,
        }

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Refuse a checkpoint of another network in one readable line."""
        here = {"task": type(self).__name__, **self.description()}
        check_same_network(checkpoint, here, self.state_dict())

    def stop_if_diverged(self, loss: Tensor) -> None:
        """End the training when a loss is not finite.

        Args:
            loss: Of one batch, ().

        Raises:
            UserError: It is not finite; the message names the remedies.
        """
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss is {loss.item()} at step {self.global_step}: training diverged; lower "
                f"optimizer.kernel_learning_rate (now {self.optimizer.kernel_learning_rate:g}) or "
                "clip the gradients (--trainer.gradient_clip_val 1)"
            )

    def log_loss(self, loss: Tensor, size: int) -> None:
        """Log the loss of a training batch; stop when it is not finite.

        Args:
            loss: ().
            size: rows of the batch.

        Raises:
            UserError: as `stop_if_diverged`.
        """
        self.stop_if_diverged(loss)
        self.log("train/loss_step", loss, on_step=True, on_epoch=False, batch_size=size)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=size)

    def _data(self) -> Any:
        """The trainer's data module (Lightning sets the attribute without declaring it)."""
        return self.trainer.datamodule  # type: ignore[attr-defined]
