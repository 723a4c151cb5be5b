"""Data sets: reading, caching, splits, augmentation, loaders."""

from s4audio.data.augment import AugmentConfig
from s4audio.data.base import DataModule
from s4audio.data.clips import Clips
from s4audio.data.collate import Batch, Clip
from s4audio.data.folder import AudioFolder
from s4audio.data.manifest import AudioManifest
from s4audio.data.module import AudioDataModule
from s4audio.data.opening import audio_from_description, from_description, open_audio
from s4audio.data.speech_commands import SpeechCommands
from s4audio.data.streams import KeywordStreams, StreamBatch
from s4audio.data.synthetic import SyntheticSpeech

__all__ = [
    "AudioDataModule",
    "AudioFolder",
    "AudioManifest",
    "AugmentConfig",
    "Batch",
    "Clip",
    "Clips",
    "DataModule",
    "KeywordStreams",
    "SpeechCommands",
    "StreamBatch",
    "SyntheticSpeech",
    "audio_from_description",
    "from_description",
    "open_audio",
]
