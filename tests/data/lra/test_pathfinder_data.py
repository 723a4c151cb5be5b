"""Pathfinder: files and batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import random_split

from s4audio.data.lra import Pathfinder, generate_pathfinder, pathfinder_data
from s4audio.data.lra.pathfinder import draw_scene, drawing, render
from s4audio.errors import UserError

CONDITION = "curv_contour_length_14"
# Continuity, lengths, thickness, margin and number of contrasts.
SIZES = ["1.0", "14", "4", "2", "0.5", "1", "1"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pathfinder_data, "_IMAGES_OF_BATCH", 8)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Twenty pictures in three batches."""
    generate_pathfinder(tmp_path / "pathfinder32", images=20, processes=1)
    return tmp_path / "pathfinder32"


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_generated_files(release: Path):
    condition = release / CONDITION
    assert sorted(path.name for path in (condition / "metadata").iterdir()) == [
        *("0.npy", "1.npy", "2.npy")
    ]
    sizes = drawing(32)
    for batch, count in enumerate((8, 8, 4)):
        lines = (condition / "metadata" / f"{batch}.npy").read_text().splitlines()
        assert len(lines) == count
        for number, line in enumerate(lines):
            scene = draw_scene(sizes, np.random.default_rng([0, batch, number]))
            subpath, name, *values = line.split(" ")
            assert values == [str(number), str(scene.label), *SIZES]
            with Image.open(condition / subpath / name) as image:
                assert image.mode == "L"
                assert (np.asarray(image) == render(scene, sizes)).all()


def test_a_run_is_continued(release: Path):
    complete = contents(release)
    (release / CONDITION / "metadata" / "1.npy").unlink()
    (release / CONDITION / "imgs" / "1" / "sample_3.png").unlink()
    kept = (release / CONDITION / "imgs" / "0" / "sample_0.png").stat().st_mtime_ns
    generate_pathfinder(release, images=20, processes=1)
    assert contents(release) == complete
    assert (release / CONDITION / "imgs" / "0" / "sample_0.png").stat().st_mtime_ns == kept


def test_batches(release: Path):
    data = Pathfinder(release, batch_size=4)
    splits = {name: data.split(name) for name in ("train", "validation", "testing")}
    assert [len(rows) for rows in splits.values()] == [16, 2, 2]
    names = [f"imgs/{n // 8}/sample_{n % 8}.png" for n in range(20)]
    theirs = random_split(names, [16, 2, 2], generator=torch.Generator().manual_seed(42))
    assert [rows.names for rows in splits.values()] == [list(part) for part in theirs]
    batch = next(iter(data.test_dataloader()))
    assert batch.inputs.shape == (2, 1024, 1)
    assert batch.inputs.dtype == torch.float32
    for row, name in enumerate(splits["testing"].names):
        with Image.open(release / CONDITION / name) as image:
            pixels = torch.from_numpy(np.array(image)).reshape(-1, 1) / 255
        assert torch.equal(batch.inputs[row], pixels)
    assert data.vocabulary is None


def test_pictures_are_generated_in_the_cache(cache: Path):
    data = Pathfinder(resolution=64, contour_length=6, images=10, processes=1)
    data.prepare_data()
    (folder,) = (cache / "lra").iterdir()
    assert (folder / "curv_baseline" / "imgs" / "1" / "sample_1.png").is_file()
    again = Pathfinder(**data.describe()["arguments"])
    assert again.split("train").targets.tolist() == data.split("train").targets.tolist()
    assert data.split("train")[0].inputs.shape == (1, 4096, 1)


def test_an_empty_file_is_left_out(release: Path):
    (release / CONDITION / "imgs" / "0" / "sample_5.png").write_bytes(b"")
    data = Pathfinder(release)
    names = [n for part in ("train", "validation", "testing") for n in data.split(part).names]
    assert len(names) == 19
    assert "imgs/0/sample_5.png" not in names


def test_colour_pictures_are_read_as_grey(release: Path):
    path = release / CONDITION / "imgs" / "0" / "sample_0.png"
    with Image.open(path) as image:
        colour = image.convert("RGB")
    colour.save(path)
    rows = Pathfinder(release).split("train")
    assert rows[0].inputs.shape == (1, 1024, 1)


def test_damaged_folders(release: Path, tmp_path: Path):
    with pytest.raises(UserError, match="no tables"):
        Pathfinder(tmp_path).prepare_data()
    with pytest.raises(UserError, match="32 x 32 pixels, not 64 x 64"):
        Pathfinder(release, resolution=64).prepare_data()
    picture = release / CONDITION / "imgs" / "0" / "sample_5.png"
    picture.write_bytes(picture.read_bytes()[:40])
    with pytest.raises(UserError, match=r"sample_5\.png: not a readable picture"):
        Pathfinder(release).prepare_data()
    table = release / CONDITION / "metadata" / "0.npy"
    table.write_text("imgs/0 sample_0.png 0 2\n")
    with pytest.raises(UserError, match="line 1: field 3 is no label"):
        Pathfinder(release).prepare_data()
    np.save(table, np.zeros(3))
    with pytest.raises(UserError, match="not a text table"):
        Pathfinder(release).prepare_data()


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": 9},
        {"generator_seed": -1},
        {"processes": 0},
        {"resolution": 48},
        {"contour_length": 7},
    ],
)
def test_numbers_out_of_range(wrong: dict[str, int]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Pathfinder(**wrong)
