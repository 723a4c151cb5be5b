"""`fit`, `validate`, `test` and `predict`: one set of options, built from typed signatures."""

import inspect
import sys
from argparse import ArgumentError
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from jsonargparse import Namespace
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.cli import (
    ArgsType,
    LightningArgumentParser,
    LightningCLI,
    SaveConfigCallback,
)
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from s4audio.commands import runs
from s4audio.commands.debug import one_line
from s4audio.commands.recipes import check_recipes, with_hint
from s4audio.data import AudioDataModule
from s4audio.errors import UserError
from s4audio.models import SequenceClassifier
from s4audio.models.logmel import LogMelNetwork
from s4audio.models.pretrained import read_checkpoint
from s4audio.tasks import Task
from s4audio.tasks.averaging import AverageWeights, WeightAveragingConfig
from s4audio.tasks.callbacks import CheckTestSplit, EpochLine, KeepLast
from s4audio.tasks.figures import better

Command = Literal["fit", "validate", "test", "predict"]

SUMMARIES: dict[Command, str] = {
    "fit": "Train a model from a YAML recipe, then test its best checkpoint.",
    "validate": "Score a checkpoint on the validation split.",
    "test": "Score a checkpoint on the test split and write tables and plots.",
    "predict": "Write a CSV of what a checkpoint says about the test split.",
}

# What a task may ask of its data: an argument of the task and a property of the data set. Where
# one of them lacks it, the task keeps its default.
LINKED = ("labels", "sample_rate", "columns", "context", "horizon", "n_marks")


@dataclass(frozen=True)
class ReportConfig:
    """What is measured and written after `fit` and `test`.

    Args:
        rates: Sample rates in Hz to evaluate a classifier of audio at without retraining, such as
            [16000, 8000]. Empty: only the training rate.
        output: Folder of tables, plots and predictions. None: the run's own folder.
    """

    rates: tuple[int, ...] = ()
    output: Path | None = None

    def __post_init__(self) -> None:
        bad = [rate for rate in self.rates if rate < 1]
        if bad:
            raise ValueError(f"report.rates holds {bad[0]}; give sample rates in Hz, above 0")


class TrainingCLI(LightningCLI):
    """Builds data, model and trainer of one command; running it is left to the caller.

    Args:
        command: Which one.
        arguments: The words after it.

    Attributes:
        report: What to measure and where to write it.
        checkpoint: Resolved `--ckpt_path`, or None.
    """

    def __init__(self, command: Command, arguments: list[str]) -> None:
        self.command: Command = command
        super().__init__(
            model_class=Task,
            datamodule_class=LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=SaveConfigCallback if command == "fit" else None,
            save_config_kwargs={"overwrite": True},
            seed_everything_default=0,
            trainer_defaults={
                "accelerator": "auto",
                "default_root_dir": "runs",
                "enable_model_summary": False,
                # These come behind the others: last.ckpt holds the state of the best one too.
                "callbacks": (
                    [CheckTestSplit(), EpochLine(), KeepLast()] if command == "fit" else []
                ),
            },
            parser_kwargs={
                "prog": f"s4audio {command}",
                "description": SUMMARIES[command],
                "exit_on_error": False,
            },
            args=arguments,
            run=False,
            auto_configure_optimizers=False,
            # Checkpoints hold plain types only; what rebuilds a network is its "s4audio" entry.
            load_from_checkpoint_support=False,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Our options: checkpoints, report, run name; and the links from data to model."""
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.monitor": None,
                "checkpoint.mode": "max",
                "checkpoint.filename": "best",
                "checkpoint.enable_version_counter": False,
            }
        )
        if self.command != "fit":
            # A recipe serves all commands, so they all read this key; only `fit` saves anything.
            parser.callback_keys.clear()
        parser.add_argument(
            "--weight_averaging",
            type=WeightAveragingConfig | None,
            default=None,
            help="moving average of the weights, which is validated and kept in their place; "
            "default: none",
        )
        parser.add_class_arguments(ReportConfig, "report")
        parser.add_argument(
            "--name",
            type=str | None,
            default=None,
            help="folder of the run below trainer.default_root_dir; default: the recipe's name",
        )
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            default=None,
            help="checkpoint to continue or score: a path, or 'last' for the newest of this name",
        )
        for name in LINKED:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the command's words (the inherited form warns when they are not the process's)."""
        assert isinstance(args, list)
        check_recipes(args)
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            options = [action.dest for action in parser._actions]
            raise UserError(with_hint(one_line(error), options)) from error

    def before_instantiate_classes(self) -> None:
        """Resolve the checkpoint first: a wrong path should not cost a data preparation."""
        self.checkpoint = self._checkpoint()
        self._stored = None if self.checkpoint is None else read_checkpoint(self.checkpoint)
        task = _class_at(self.config.model.class_path)
        _check_links(task, _class_at(self.config.data.class_path))
        if self.command == "fit" and self.config.checkpoint.monitor is None:
            self.config.checkpoint.monitor = task.monitor
            self.config.checkpoint.mode = better(task.monitor)
        # The saved configuration is to repeat the run, under its name and from the start.
        self.config["name"], self.config["ckpt_path"] = self.run_name(), None

    def after_instantiate_classes(self) -> None:
        """Keep the report's options at hand, and refuse those that do not fit the data."""
        self.report: ReportConfig = self.config_init.report
        audio = isinstance(self.datamodule, AudioDataModule)
        classifier = isinstance(self.model.network, SequenceClassifier | LogMelNetwork)
        if self.report.rates and not (audio and classifier):
            raise UserError(
                f"report.rates is for classifiers of audio, not for {type(self.model).__name__} on "
                f"{type(self.datamodule).__name__}: leave it out"
            )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with our loggers and callbacks, where the configuration has none."""
        if self._stored is not None:  # a wrong one is to change no file of its run
            self.model.on_load_checkpoint(self._stored)
            self._stored = None
        trainer: Namespace = self.config_init["trainer"]
        interactive = sys.stderr.isatty() and trainer.get("enable_progress_bar") is not False
        changes: dict[str, Any] = {"enable_progress_bar": interactive}
        fit = self.command == "fit"
        if not fit:
            changes |= {"logger": False, "enable_checkpointing": False}
        elif trainer.get("logger") in (None, True) and not trainer.get("fast_dev_run"):
            changes["logger"] = self._loggers()
        callbacks: list[Callback] = list(trainer.get("callbacks") or [])
        averaging: WeightAveragingConfig | None = self.config_init.weight_averaging
        if fit and averaging is not None:
            callbacks.append(AverageWeights(averaging.decay))
        if interactive:
            callbacks.append(TQDMProgressBar(leave=False))
        if changes.get("logger"):
            callbacks.append(LearningRateMonitor(logging_interval="step"))
        return super().instantiate_trainer(**{**changes, "callbacks": callbacks})

    def run_name(self) -> str:
        """`--name`, else the name of the recipe, else the command."""
        configs = self.config.get("config") or []
        default = Path(str(configs[-1])).stem if configs else self.command
        return str(self.config.get("name") or default)

    def _root(self) -> Path:
        # Absolute, because a checkpoint remembers where the best one lies.
        return Path(self.config.trainer.get("default_root_dir") or "runs").resolve()

    def _checkpoint(self) -> Path | None:
        wanted = self.config.get("ckpt_path")
        if wanted is None:
            return None
        if wanted == "last":
            return runs.newest_checkpoint(self._root() / self.run_name())
        return Path(wanted)

    def _loggers(self) -> list[Logger]:
        folder = runs.folder_of(self.checkpoint) if self.checkpoint else None
        if folder is None:
            folder = runs.new_folder(self._root() / self.run_name())
        else:
            runs.keep_earlier_metrics(folder)
        place = (str(folder.parent.parent), folder.parent.name, folder.name)
        loggers: list[Logger] = [CSVLogger(*place)]
        if find_spec("tensorboard") is not None:
            loggers.append(TensorBoardLogger(*place))
        return loggers


def _class_at(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _check_links(task: Any, data: Any) -> None:
    """Refuse data that lack what the task cannot do without."""
    for name, parameter in inspect.signature(task).parameters.items():
        needed = name in LINKED and parameter.default is inspect.Parameter.empty
        if needed and not hasattr(data, name) and name not in inspect.signature(data).parameters:
            raise UserError(
                f"{task.__name__} needs {name}, which {data.__name__} does not have: choose "
                "another task or other data"
            )
