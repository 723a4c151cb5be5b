"""The six tasks of Long Range Arena: ListOps, Text, Retrieval, Image, Pathfinder, Path-X.

Source: Tay et al., "Long Range Arena: A Benchmark for Efficient Transformers", arXiv 2011.04006.
"""

from s4audio.data.lra.image import GreyCifar10
from s4audio.data.lra.listops_data import ListOps, generate_listops
from s4audio.data.lra.module import SequenceDataModule, Sequences
from s4audio.data.lra.pathfinder_data import Pathfinder, generate_pathfinder
from s4audio.data.lra.retrieval import Retrieval
from s4audio.data.lra.text import Imdb

__all__ = [
    "GreyCifar10",
    "Imdb",
    "ListOps",
    "Pathfinder",
    "Retrieval",
    "SequenceDataModule",
    "Sequences",
    "generate_listops",
    "generate_pathfinder",
]
