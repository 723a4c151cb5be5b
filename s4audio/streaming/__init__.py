"""Streaming: the same weights, sample by sample."""

from s4audio.streaming.classifier import StreamingClassifier
from s4audio.streaming.stream import Stream

__all__ = ["Stream", "StreamingClassifier"]
