"""Lightning modules: what is trained, with which loss, optimiser and schedule."""

from s4audio.tasks.base import Task
from s4audio.tasks.classes import Predictions
from s4audio.tasks.classification import ClassificationTask
from s4audio.tasks.density import DensityTask
from s4audio.tasks.forecasting import ForecastingTask
from s4audio.tasks.language import LanguageTask
from s4audio.tasks.logmel import LogMelTask
from s4audio.tasks.long_form import LongFormTask
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.regression import RegressionTask
from s4audio.tasks.retrieval import RetrievalTask
from s4audio.tasks.schedule import ScheduleConfig

__all__ = [
    "ClassificationTask",
    "DensityTask",
    "ForecastingTask",
    "LanguageTask",
    "LogMelTask",
    "LongFormTask",
    "OptimizerConfig",
    "Predictions",
    "RegressionTask",
    "RetrievalTask",
    "ScheduleConfig",
    "Task",
]
