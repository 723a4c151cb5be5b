"""Pathfinder and Path-X as a data set: folders in the release's format, generated or given."""

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s4audio.data.cache import cache_dir
from s4audio.data.lra.generate import check_processes, make_pieces
from s4audio.data.lra.module import Rows, SequenceDataModule
from s4audio.data.lra.pathfinder import (
    ContourLength,
    Resolution,
    draw_scene,
    drawing,
    render,
)
from s4audio.data.lra.store import Example, SequenceStore, Values, stored_sequences
from s4audio.data.splits import shuffled
from s4audio.errors import UserError

CONDITIONS: dict[ContourLength, str] = {
    6: "curv_baseline",
    9: "curv_contour_length_9",
    14: "curv_contour_length_14",
}

# Part of the folder's name: a change of the generator makes new pictures.
_GENERATOR = 1
_IMAGES_OF_BATCH = 1000
_HELD_OUT = 0.1
_LABEL_FIELD = 3


class Pathfinder(SequenceDataModule):
    """Pictures with two marked path ends, pixel by pixel: do they belong to the same path?

    Path-X is `resolution=128`. The splits are 80/10/10 at random, with the seed of the S4 code.

    Args:
        root: folder with `curv_contour_length_14/imgs` and `.../metadata`, such as the release's
            `pathfinder32`; None generates the pictures in the cache folder.
        resolution: height and width in pixels: 32, 64, 128 or 256. It must be that of `root`.
        contour_length: paddles of the long paths: 14, the benchmark's; 9 and 6 are easier.
        images: pictures to generate, at least 10.
        generator_seed: of the generated pictures.
        processes: that generate at once; None for one a core.
        batch_size: pictures in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training pictures.

    Raises:
        ValueError: a number out of range.

    Source: Tay et al., arXiv 2011.04006, section 2.2.5.
    """

    def __init__(
        self,
        root: Path | str | None = None,
        resolution: Resolution = 32,
        contour_length: ContourLength = 14,
        images: int = 200_000,
        generator_seed: int = 0,
        processes: int | None = None,
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if images < 10:
            raise ValueError(f"images must be at least 10, got {images}")
        if generator_seed < 0:
            raise ValueError(f"generator_seed must not be negative, got {generator_seed}")
        check_processes(processes)
        # Says so at once if there is no such resolution.
        self._sizes = drawing(resolution, contour_length)
        self.root = root
        self.resolution: Resolution = resolution
        self.contour_length: ContourLength = contour_length
        self.images = images
        self.generator_seed = generator_seed
        self.processes = processes

    @property
    def labels(self) -> list[str]:
        """Whether the markers are on different paths or on the same."""
        return ["different", "same"]

    @property
    def vocabulary(self) -> None:
        """None: the inputs are brightnesses."""
        return

    def open_store(self) -> SequenceStore:
        """The pictures; generates the files first if there is no `root`."""
        root = self._generated() if self.root is None else Path(self.root)
        folder = root / CONDITIONS[self.contour_length]
        tables = sorted((folder / "metadata").glob("*.npy"), key=_number)
        if not tables:
            raise UserError(
                f"{folder / 'metadata'}: no tables (*.npy) here; correct root, or leave it out to "
                "generate Pathfinder"
            )
        options: dict[str, object] = {"resolution": self.resolution}
        return stored_sequences(
            "pathfinder", tables, options, lambda: ((), self._examples(folder, tables))
        )

    def partition(self, store: SequenceStore) -> Rows:
        """80/10/10 at random."""
        rows, held_out = shuffled(np.arange(len(store))), int(_HELD_OUT * len(store))
        return {
            "train": rows[: len(rows) - 2 * held_out],
            "validation": rows[len(rows) - 2 * held_out : len(rows) - held_out],
            "testing": rows[len(rows) - held_out :],
        }

    def _generated(self) -> Path:
        given = [_GENERATOR, self.resolution, self.images, self.generator_seed]
        key = hashlib.sha256(json.dumps(given).encode()).hexdigest()[:12]
        folder = cache_dir() / "lra" / f"pathfinder{self.resolution}_{key}"
        generate_pathfinder(
            folder,
            self.resolution,
            self.contour_length,
            self.images,
            self.generator_seed,
            self.processes,
        )
        return folder

    def _examples(self, folder: Path, tables: list[Path]) -> Iterator[Example]:
        for table in tables:
            for number, line in enumerate(_table_lines(table), 1):
                fields = line.split()
                if len(fields) <= _LABEL_FIELD or fields[_LABEL_FIELD] not in ("0", "1"):
                    raise UserError(f"{table}, line {number}: field {_LABEL_FIELD} is no label")
                name = f"{fields[0]}/{fields[1]}"
                # The release has an empty file among its 200,000.
                if (folder / name).is_file() and (folder / name).stat().st_size == 0:
                    continue
                pixels = _read_picture(folder / name, self.resolution)
                yield Example((pixels,), int(fields[_LABEL_FIELD]), "", name)


def generate_pathfinder(
    folder: Path,
    resolution: Resolution = 32,
    contour_length: ContourLength = 14,
    images: int = 200_000,
    seed: int = 0,
    processes: int | None = None,
) -> None:
    """Write pictures and tables in the release's layout, a thousand pictures to a batch.

    Does nothing where they are complete; an interrupted run is continued. The files depend on all
    arguments but `processes`.

    Args:
        folder: where `curv_contour_length_14` (or the folder of another length) goes.
        resolution: height and width in pixels.
        contour_length: paddles of the long paths.
        images: how many.
        seed: of the random draws.
        processes: at once; None for one a core.
    """
    condition = folder / CONDITIONS[contour_length]
    (condition / "metadata").mkdir(parents=True, exist_ok=True)
    batches = -(-images // _IMAGES_OF_BATCH)
    missing = [n for n in range(batches) if not (condition / "metadata" / f"{n}.npy").is_file()]
    make = functools.partial(_make_batch, condition, resolution, contour_length, images, seed)
    make_pieces(make, missing, processes, f"drawing Pathfinder {resolution}")


def _make_batch(
    condition: Path,
    resolution: Resolution,
    contour_length: ContourLength,
    images: int,
    seed: int,
    batch: int,
) -> None:
    """Draw a batch; its table comes last and says that the batch is complete."""
    from PIL import Image

    sizes = drawing(resolution, contour_length)
    pictures = f"imgs/{batch}"
    (condition / pictures).mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number in range(min(_IMAGES_OF_BATCH, images - batch * _IMAGES_OF_BATCH)):
        scene = draw_scene(sizes, np.random.default_rng([seed, batch, number]))
        name = f"sample_{number}.png"
        Image.fromarray(render(scene, sizes)).save(condition / pictures / name)
        values = (
            *(pictures, name, number, scene.label),
            *(sizes.continuity, sizes.contour_length, sizes.distractor_length),
            *(sizes.paddle_length, sizes.paddle_thickness, scene.margin, 1),
        )
        lines.append(" ".join(map(str, values)))
    partial = condition / "metadata" / f"{batch}.partial"
    partial.write_text("\n".join([*lines, ""]), encoding="ascii", newline="\n")
    partial.rename(partial.with_suffix(".npy"))


def _table_lines(table: Path) -> list[str]:
    try:
        return table.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"{table}: not a text table as in the Long Range Arena release (one line a picture)"
        ) from None


def _read_picture(path: Path, resolution: int) -> Values:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path}: not a readable picture ({error}); restore the file") from None
    if pixels.shape != (resolution, resolution):
        raise UserError(
            f"{path}: {pixels.shape[0]} x {pixels.shape[1]} pixels, not {resolution} x "
            f"{resolution}; correct resolution or root"
        )
    return pixels.reshape(-1)


def _number(table: Path) -> tuple[int, str]:
    """Tables in the order of their numbers, 2 before 10."""
    return (int(table.stem) if table.stem.isdecimal() else 0, table.stem)
