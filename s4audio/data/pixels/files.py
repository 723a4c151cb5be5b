"""Files of pictures: IDX, CIFAR-10's pickles and binary records, NumPy archives."""

import codecs
import gzip
import pickle
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s4audio.data.pixels.module import Pictures, Uint8Array
from s4audio.errors import UserError

# What an array needs to be unpickled, from either Python; nothing else is called.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ARRAY_PARTS = {
    ("_codecs", "encode"): codecs.encode,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


def read_idx(path: Path, shape: Sequence[int]) -> Uint8Array:
    """The bytes of an IDX file, plain or compressed with gzip.

    Args:
        path: of the file.
        shape: of each of its items; () for labels.

    Returns:
        uint8 (items, *shape).

    Raises:
        UserError: the file is damaged or something else.

    Source: the description on the MNIST page: two zero bytes, the type (8: uint8), the number of
        axes, the sizes as big-endian int32, the data.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged ({error}); fetch it again") from None
    axes = 1 + len(shape)
    header = 4 + 4 * axes
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) < header:
        raise UserError(f"{path}: not an IDX file of uint8 with {axes} axes; fetch it again")
    sizes = np.frombuffer(content, ">u4", axes, 4).tolist()
    if sizes[1:] != list(shape) or len(content) - header != int(np.prod(sizes)):
        raise UserError(
            f"{path}: {len(content) - header} bytes do not make {' x '.join(map(str, sizes))} "
            f"items of {' x '.join(map(str, shape)) or 'one byte'}; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)


def read_batch(path: Path) -> Pictures:
    """One of CIFAR-10's files, whichever version; of a pickle only arrays are read.

    Args:
        path: of a file of `cifar-10-batches-py`, or of `cifar-10-batches-bin` (`*.bin`).

    Returns:
        Pixels (pictures, 1024, 3).

    Raises:
        UserError: the file is damaged or something else.
    """
    try:
        if path.suffix == ".bin":
            records = np.fromfile(path, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
            planes, targets = records[:, 1:], records[:, 0]
        else:
            with path.open("rb") as file:
                content = _ArrayUnpickler(file, encoding="bytes").load()
            planes, targets = content[b"data"], np.array(content[b"labels"])
        pixels = planes.reshape(-1, 3, 32 * 32).transpose(0, 2, 1)
        return checked(pixels, targets, 10, path)
    except UserError:
        raise
    except Exception as error:  # a damaged pickle fails in any way
        raise UserError(f"{path}: not a file of CIFAR-10 ({error}); unpack it again") from None


def read_npz(path: Path, shape: Sequence[int]) -> tuple[Pictures, Pictures]:
    """Training and test pictures from `x_train`, `y_train`, `x_test`, `y_test` of an archive.

    Args:
        path: of the `.npz` file.
        shape: of a picture: (height, width), or (height, width, features).

    Returns:
        Training and test pictures.

    Raises:
        UserError: the file is damaged or holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file) as archive:
            arrays = [archive[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise UserError(
            f"{path}: not an archive with x_train, y_train, x_test, y_test ({error})"
        ) from None
    for pixels in arrays[::2]:
        if pixels.dtype != np.uint8 or pixels.shape[1:] != tuple(shape):
            raise UserError(
                f"{path}: holds {pixels.dtype} {pixels.shape}, not uint8 pictures of "
                f"{' x '.join(map(str, shape))}"
            )
    features = shape[2] if len(shape) == 3 else 1
    steps = shape[0] * shape[1]
    train, test = (
        checked(pixels.reshape(-1, steps, features), targets.reshape(-1), 10, path)
        for pixels, targets in zip(arrays[::2], arrays[1::2], strict=True)
    )
    return train, test


def checked(pixels: Uint8Array, targets: Any, classes: int, path: Path) -> Pictures:
    """Pictures with as many targets, all of them in range.

    Args:
        pixels: (pictures, steps, features).
        targets: integers (pictures,).
        classes: how many there are.
        path: where they come from, for the message.

    Raises:
        UserError: there are none, numbers differ, or a target is out of range.
    """
    if len(targets) == 0 or len(pixels) != len(targets):
        raise UserError(f"{path}: {len(pixels)} pictures and {len(targets)} labels")
    if targets.min() < 0 or targets.max() >= classes:
        raise UserError(f"{path}: a label outside 0 to {classes - 1}; fetch it again")
    return Pictures(pixels, targets.astype(np.int64))


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"it would call {module}.{name}")
        return _ARRAY_PARTS[module, name]
