"""Random changes of training waveforms, a whole batch at a time.

Each effect is a function of waveforms (batch, time) and of numbers drawn elsewhere; `augment` draws
them, clip by clip, and applies those effects that an `AugmentConfig` asks for.
"""

from s4audio.data.augment.config import AugmentConfig
from s4audio.data.augment.draws import Draws, clip_seeds
from s4audio.data.augment.mixing import Mixed, mixup
from s4audio.data.augment.pipeline import augment

__all__ = ["AugmentConfig", "Draws", "Mixed", "augment", "clip_seeds", "mixup"]
