"""Pictures as sequences, a pixel a step: sequential and permuted MNIST, sequential CIFAR-10."""

from s4audio.data.pixels.cifar import SequentialCifar10
from s4audio.data.pixels.mnist import SequentialMnist
from s4audio.data.pixels.module import PixelDataModule, Pixels

__all__ = ["PixelDataModule", "Pixels", "SequentialCifar10", "SequentialMnist"]
