"""Lightning modules: what is trained, with which loss, optimiser and schedule."""

from s4audio.tasks.classification import ClassificationTask, Predictions
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig

__all__ = ["ClassificationTask", "OptimizerConfig", "Predictions", "ScheduleConfig"]
