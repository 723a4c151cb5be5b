import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from s4audio.data.lra import Retrieval
from s4audio.data.lra.retrieval import FILES
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.tasks import OptimizerConfig, RetrievalTask

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec.*:FutureWarning",
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retrieval:
    """Two documents of the same letter belong together; lengths differ."""
    monkeypatch.setenv("S4AUDIO_CACHE", str(tmp_path / "cache"))
    for name in FILES.values():
        lines = []
        for number in range(24):
            first, second = "ab"[number % 2], "ab"[number // 2 % 2]
            label = float(first == second)
            lines.append(f"{label}\t1\t2\t{first * (5 + number % 3)}\t{second * 6}\n")
        (tmp_path / name).write_text("".join(lines))
    return Retrieval(tmp_path, batch_size=8)


def task(vocabulary: int = 8) -> RetrievalTask:
    torch.manual_seed(0)
    config = ClassifierConfig(
        kind="s4d", d_model=16, n_layers=1, d_state=4, length=8, vocabulary=vocabulary
    )
    return RetrievalTask(config, ["unrelated", "cited"], OptimizerConfig(learning_rate=0.02))


def trainer(folder: Path, epochs: int) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_learns_to_compare_and_reports(data: Retrieval, tmp_path: Path) -> None:
    module, fitting = task(), trainer(tmp_path, epochs=25)
    fitting.fit(module, datamodule=data)
    (scores,) = fitting.test(module, datamodule=data, verbose=False)
    assert scores["test/accuracy"] == 1
    assert module.test_figures()[0] == ("test accuracy", "100.00%")
    module.write_test(tmp_path / "report", data)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["confusion_matrix"] == [[12, 0], [0, 12]]
    outputs = fitting.predict(module, datamodule=data)
    assert module.write_predictions(tmp_path / "scores.csv", outputs, data) == 24
    fitting.save_checkpoint(tmp_path / "x.ckpt")
    entry = torch.load(tmp_path / "x.ckpt", weights_only=True)["s4audio"]
    assert json.loads(json.dumps(entry)) == entry
    assert entry["task"] == "RetrievalTask"
    assert entry["data"]["class"] == "Retrieval"


def test_a_vocabulary_that_is_too_small(data: Retrieval, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 5 tokens and network\.vocabulary is 4: set it to 5"):
        trainer(tmp_path, epochs=1).fit(task(vocabulary=4), datamodule=data)
