"""Endless streams to train on: words, pieces of words, pauses and noise, with a target a frame."""

from s4audio.data.streams.dataset import StreamBatch
from s4audio.data.streams.module import KeywordStreams
from s4audio.data.streams.targets import IGNORED, NO_KEYWORD

__all__ = ["IGNORED", "NO_KEYWORD", "KeywordStreams", "StreamBatch"]
