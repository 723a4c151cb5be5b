"""BIDMC: heart rate, respiratory rate and oxygen saturation from PPG and ECG."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from s4audio.data.base import Split, SplitDataModule
from s4audio.data.cache import Int64Array, cache_dir, complete_or_absent
from s4audio.data.collate import Batch
from s4audio.data.loader import BatchedDataset
from s4audio.data.ts_format import FloatArray, read_ts
from s4audio.errors import UserError

Target = Literal["HR", "RR", "SpO2"]
Arrays = tuple[FloatArray, FloatArray]

UNITS: dict[Target, str] = {"HR": "beats a minute", "RR": "breaths a minute", "SpO2": "%"}
SAMPLE_RATE = 125

# Names of the splits in the S4 code's files.
_PREPARED: dict[Split, str] = {"train": "train", "validation": "valid", "testing": "test"}


class Recordings(BatchedDataset[Batch]):
    """One split, in the targets' own unit.

    Args:
        series: float32 (windows, time, signals); may be a memory map.
        targets: float32 (windows,).
        rows: those of the split.
    """

    def __init__(self, series: FloatArray, targets: FloatArray, rows: Int64Array) -> None:
        self.targets = targets[rows]
        self._series = series
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """A batch; its targets are float32."""
        rows = np.asarray(indices, dtype=np.int64) % len(self)
        inputs = torch.from_numpy(np.array(self._series[self._rows[rows]], dtype=np.float32))
        return Batch(
            inputs=inputs,
            lengths=torch.full((len(rows),), inputs.shape[1], dtype=torch.int64),
            targets=torch.from_numpy(self.targets[rows]),
            indices=torch.from_numpy(rows),
        )


class BIDMC(SplitDataModule[Recordings]):
    """Windows of 32 s of PPG and ECG at 125 Hz (4,000 steps, two signals) with a vital sign each.

    Args:
        root: folder with the archive's `BIDMC32<target>_TRAIN.ts` and `_TEST.ts`, directly or in a
            folder `<target>` or `BIDMC32<target>`; or with the S4 code's files
            `<target>/reshuffle/{train,valid,test}{x,y}.npy` (`original` without reshuffling).
        target: ``HR``, ``RR`` or ``SpO2``.
        reshuffle: as the S4 papers: windows of all recordings shuffled, 70 % train, 15 % validate,
            15 % test, so that neighbouring windows of a patient lie in different splits. False: the
            archive's own test windows, and the last seventh of its training windows to validate.
        batch_size: windows in a batch.
        num_workers: processes that prepare batches; 0 is normally the fastest.
        seed: of the order of the training windows.

    Raises:
        UserError: an unknown target; when the windows are asked for, missing or damaged files.

    Source: Pimentel et al. (2016); Tan et al. (2021) for the archive; the S4 code for the split.
    """

    def __init__(
        self,
        root: Path | str = "data/bidmc",
        target: Target = "HR",
        reshuffle: bool = True,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if target not in get_args(Target):
            raise UserError(f"target is {target!r}; there are {', '.join(get_args(Target))}")
        self.root = Path(root)
        self.target: Target = target
        self.reshuffle = reshuffle
        self._splits: dict[Split, Recordings] = {}

    @property
    def labels(self) -> list[str]:
        """The name of the one output."""
        return [self.target]

    @property
    def unit(self) -> str:
        """Of the target."""
        return UNITS[self.target]

    @property
    def sample_rate(self) -> int:
        """125 Hz."""
        return SAMPLE_RATE

    @property
    def d_input(self) -> int:
        """2: PPG and ECG."""
        return 2

    def prepare_data(self) -> None:
        """Read the files; text is kept as arrays in the cache."""
        self._open()

    def split(self, name: Split) -> Recordings:
        """The windows of one split."""
        return self._open()[name]

    def target_statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the training targets."""
        targets = self.split("train").targets.astype(np.float64)
        return float(targets.mean()), float(targets.std())

    def _open(self) -> dict[Split, Recordings]:
        if not self._splits:
            prepared = self.root / self.target / ("reshuffle" if self.reshuffle else "original")
            if (prepared / "trainx.npy").is_file():
                self._splits = _prepared(prepared)
            else:
                self._splits = self._archived()
        return self._splits

    def _archived(self) -> dict[Split, Recordings]:
        name = f"BIDMC32{self.target}"
        for folder in (self.root, self.root / self.target, self.root / name):
            train, test = (folder / f"{name}_{part}.ts" for part in ("TRAIN", "TEST"))
            if train.is_file() and test.is_file():
                break
        else:
            raise UserError(
                f"{self.root}: neither {name}_TRAIN.ts and {name}_TEST.ts nor "
                f"{self.target}/{'reshuffle' if self.reshuffle else 'original'}/trainx.npy here; "
                "correct data.root"
            )
        series, targets, training = _cached(train, test)
        rows = (
            shuffled_thirds(len(targets)) if self.reshuffle else _original(len(targets), training)
        )
        return {name: Recordings(series, targets, rows[name]) for name in rows}


def shuffled_thirds(count: int) -> dict[Split, Int64Array]:
    """The random 70/15/15 split of the S4 code.

    Args:
        count: number of windows.

    Returns:
        Rows of each split, those that scikit-learn's `train_test_split` chooses: 30 % with seed 0,
        and half of them with seed 1.
    """
    train, rest = _train_test(np.arange(count), 0.3, seed=0)
    validation, test = _train_test(rest, 0.5, seed=1)
    return {"train": train, "validation": validation, "testing": test}


def _train_test(rows: Int64Array, share: float, seed: int) -> tuple[Int64Array, Int64Array]:
    # The papers' split needs the generator that scikit-learn uses.
    order = np.random.RandomState(seed).permutation(len(rows))
    size = math.ceil(share * len(rows))
    return rows[order[size:]], rows[order[:size]]


def _original(count: int, training: int) -> dict[Split, Int64Array]:
    first = training - int(training / 7)
    return {
        "train": np.arange(first),
        "validation": np.arange(first, training),
        "testing": np.arange(training, count),
    }


def _prepared(folder: Path) -> dict[Split, Recordings]:
    """The S4 code's arrays."""
    splits: dict[Split, Recordings] = {}
    for name, prefix in _PREPARED.items():
        try:
            series = np.load(folder / f"{prefix}x.npy", mmap_mode="r")
            targets = np.load(folder / f"{prefix}y.npy").astype(np.float32).reshape(-1)
        except (OSError, ValueError) as error:
            raise UserError(f"{folder}: {prefix}x.npy and {prefix}y.npy: {error}") from error
        if series.ndim != 3 or series.shape[0] != len(targets) or series.shape[2] != 2:
            raise UserError(
                f"{folder}: {prefix}x.npy has the shape {series.shape} for {len(targets)} targets; "
                "expected (windows, time, 2)"
            )
        splits[name] = Recordings(series, targets, np.arange(len(targets)))
    return splits


def _cached(train: Path, test: Path) -> tuple[FloatArray, FloatArray, int]:
    """All windows, their targets, and how many are the archive's training windows."""
    stamp = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in (train, test)]
    folder = cache_dir() / "bidmc" / hashlib.sha256(repr(stamp).encode()).hexdigest()[:16]
    if not folder.is_dir():
        _write_cache(folder, read_ts(train), read_ts(test))
    series = np.load(folder / "series.npy", mmap_mode="r")
    return series, np.load(folder / "targets.npy"), int(np.load(folder / "training.npy"))


def _write_cache(folder: Path, train: Arrays, test: Arrays) -> None:
    if train[0].shape[1:] != test[0].shape[1:] or train[0].shape[2] != 2:
        raise UserError(
            f"training windows are {train[0].shape[1:]} and test windows {test[0].shape[1:]}; "
            "expected (time, 2) for both"
        )
    with complete_or_absent(folder) as temporary:
        np.save(temporary / "series.npy", np.concatenate([train[0], test[0]]))
        np.save(temporary / "targets.npy", np.concatenate([train[1], test[1]]))
        np.save(temporary / "training.npy", len(train[1]))
