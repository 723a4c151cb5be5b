"""Language modelling: the next character or word."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s4audio.evaluation.baselines import bigram_nats, unigram_nats
from s4audio.tasks.autoregressive import AutoregressiveTask, in_order

MOST_IN_PAIRS = 4096
"""Largest vocabulary of which pairs are counted."""


class LanguageTask(AutoregressiveTask):
    """An `AutoregressiveModel` of text.

    Beside the loss it logs `perplexity`, the usual figure of words, and `bits` a token, the usual
    one of characters.

    Args:
        network: Options of the model.
        labels: The vocabulary. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.

    Raises:
        ValueError: The network's configuration is invalid.

    Source: Gu, Goel, Re (2022), section 4.4.
    """

    monitor = "val/perplexity"

    def scores(self, nats: float) -> dict[str, float]:
        """Perplexity and bits a token."""
        return {"perplexity": math.exp(min(nats, 700.0)), "bits": nats / math.log(2)}

    def caption(self) -> str:
        """Title of the table of a test."""
        return "Test: next token of the text"

    def baselines(self, data: Any) -> dict[str, float]:
        """Shares of single tokens, and of pairs where the vocabulary is small."""
        train, test = data.tokens("train"), data.tokens("testing")
        size = len(self.network.labels)
        found = {"single tokens": unigram_nats(train, test[1:], size)}
        if size <= MOST_IN_PAIRS:
            found["pairs of tokens"] = bigram_nats(train, test, size)
        return found

    def write_predictions(self, path: Path, outputs: Sequence[Any], data: Any) -> int:
        """One row a token, in the order of the text: the symbol and its nats."""
        count = 0
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["symbol", "nats"])
            for _, nats, targets in in_order(outputs):
                symbols = (self.network.labels[target] for target in targets.tolist())
                writer.writerows(
                    (symbol, f"{x:.6f}") for symbol, x in zip(symbols, nats.tolist(), strict=True)
                )
                count += len(nats)
        return count
