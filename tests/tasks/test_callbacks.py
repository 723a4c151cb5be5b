from types import SimpleNamespace

import pytest
import torch

from s4audio.tasks.callbacks import EpochLine, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (3569, "59 min"),
        (3571, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("monitor", "values", "shown"),
    [
        ("val/accuracy", [0.5, 0.25], "val accuracy 25.00% (best 50.00%)"),
        ("val/loss", [2.0, 3.5], "val loss 3.500 (best 2.000)"),
    ],
)
def test_the_line_shows_the_tasks_figure(
    monitor: str, values: list[float], shown: str, capsys: pytest.CaptureFixture
) -> None:
    line, task = EpochLine(), SimpleNamespace(monitor=monitor)
    trainer = SimpleNamespace(current_epoch=0, max_epochs=3, is_global_zero=True)
    line.on_train_start(trainer, task)
    for epoch, value in enumerate(values):
        trainer.current_epoch = epoch
        trainer.callback_metrics = {"train/loss": torch.tensor(1.0), monitor: torch.tensor(value)}
        line.on_train_epoch_start(trainer, task)
        line.on_train_epoch_end(trainer, task)
    printed = capsys.readouterr().out.splitlines()
    assert shown in printed[-1]
    assert printed[-1].startswith("epoch 2/3  train loss 1.0000")
    continued = EpochLine()
    continued.load_state_dict(line.state_dict())
    assert continued.state_dict() == line.state_dict()
