"""Density estimation: pictures as sequences of bytes."""

import copy
import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from s4audio.data.density import START
from s4audio.evaluation.baselines import histogram_nats
from s4audio.evaluation.pictures import write_grid
from s4audio.streaming.generation import Generator
from s4audio.tasks.autoregressive import AutoregressiveTask, in_order

PICTURE = (32, 32, 3)
"""Rows, columns and colours."""

SAMPLES = 16
"""Pictures that are drawn after a test."""


class DensityTask(AutoregressiveTask):
    """An `AutoregressiveModel` of pictures, value by value.

    Beside the loss it logs `bits_per_dim`, bits a value. After a test it draws pictures from the
    model through its recurrence.

    Args:
        network: Options of the model.
        labels: The levels of a value. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.

    Raises:
        ValueError: The network's configuration is invalid.

    Source: Gu, Goel, Re (2022), section 4.4.
    """

    monitor = "val/bits_per_dim"

    def scores(self, nats: float) -> dict[str, float]:
        """Bits a value."""
        return {"bits_per_dim": nats / math.log(2)}

    def caption(self) -> str:
        """Title of the table of a test."""
        return "Test: values of the pictures"

    def baselines(self, data: Any) -> dict[str, float]:
        """Shares of the levels of red, green and blue, and of each value of a picture."""
        levels = len(self.network.labels)
        train, test = (data.split(name).pictures for name in ("train", "testing"))
        colours = PICTURE[-1]
        return {
            "histogram of each colour": histogram_nats(
                train.reshape(-1, colours), test.reshape(-1, colours), levels
            ),
            "histogram of each value": histogram_nats(train, test, levels),
        }

    def description(self) -> dict[str, Any]:
        """As of every such task, and the shape of a picture."""
        return {**super().description(), "picture": list(PICTURE), "start": START}

    def write_test(self, output: Path, data: Any) -> None:
        """As of every such task, and samples.png: pictures drawn from the model."""
        super().write_test(output, data)
        prompt = torch.full((SAMPLES, 1), START)
        generator = Generator(copy.deepcopy(self.network).cpu().eval())
        tokens = generator.generate(prompt, math.prod(PICTURE))
        write_grid(tokens.view(SAMPLES, *PICTURE).numpy(), output / "samples.png")

    def write_predictions(self, path: Path, outputs: Sequence[Any], data: Any) -> int:
        """One row a picture: its row in the split and its bits a value."""
        rows = in_order(outputs)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["index", "bits_per_dim"])
            writer.writerows((i, f"{float(x.mean()) / math.log(2):.6f}") for i, x, _ in rows)
        return len(rows)
