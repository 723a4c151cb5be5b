"""Building and opening stores of decoded clips."""

import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from s4audio.data import audio
from s4audio.data.cache import Source, Store, cache_dir, decoded, open_store, to_int16
from s4audio.errors import UserError


def sources(paths: list[Path]) -> list[Source]:
    return [Source(path, path.name, f"label{path.stem}", "train") for path in paths]


@pytest.fixture
def paths(tmp_path: Path, write_wav) -> list[Path]:
    return [write_wav(tmp_path / f"{k}.wav", samples=100 + 10 * k) for k in range(5)]


def stores(cache: Path) -> list[Path]:
    return sorted((cache / "clips").iterdir())


def test_sixteen_bit_files_are_stored_exactly(paths: list[Path]):
    store = decoded(sources(paths), 16000)
    assert store.names == [path.name for path in paths]
    assert store.labels == [f"label{k}" for k in range(5)]
    for row, path in enumerate(paths):
        np.testing.assert_array_equal(store[row] / np.float32(32768), audio.read(path)[0])


def test_full_scale_does_not_wrap_around():
    np.testing.assert_array_equal(to_int16(np.float32([1.0, -1.0])), [32767, -32768])


def test_files_are_resampled(tmp_path: Path, write_wav):
    store = decoded(sources([write_wav(tmp_path / "low.wav", samples=800, rate=8000)]), 16000)
    assert store.lengths.tolist() == [1600]


def test_the_second_opening_decodes_nothing(paths: list[Path], monkeypatch: pytest.MonkeyPatch):
    first = decoded(sources(paths), 16000)

    def refuse(path: Path, max_seconds: float | None) -> None:
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr(audio, "read", refuse)
    assert decoded(sources(paths), 16000).folder == first.folder


def test_anything_that_changes_makes_another_store(paths: list[Path], write_wav):
    folders = {decoded(sources(paths), 16000).folder}
    folders.add(decoded(sources(paths), 8000).folder)
    folders.add(decoded(sources(paths[1:]), 16000).folder)
    folders.add(decoded([Source(p, p.name, "other", "train") for p in paths], 16000).folder)
    os.utime(paths[0], ns=(0, 0))
    folders.add(decoded(sources(paths), 16000).folder)
    write_wav(paths[0], samples=7)
    folders.add(decoded(sources(paths), 16000).folder)
    assert len(folders) == 6


def test_an_interrupted_build_leaves_nothing(
    paths: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
):
    real_read = audio.read

    def interrupt(path: Path, max_seconds: float | None = None):
        if path == paths[3]:
            raise KeyboardInterrupt
        return real_read(path, max_seconds)

    with monkeypatch.context() as patch:
        patch.setattr(audio, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            decoded(sources(paths), 16000)
    assert stores(cache) == []
    assert len(decoded(sources(paths), 16000)) == 5
    assert len(stores(cache)) == 1


def test_remains_of_a_killed_build_are_removed_after_a_day(paths: list[Path], cache: Path):
    old, young = (cache / "clips" / f"{name}.partial" for name in ("old", "young"))
    old.mkdir(parents=True)
    young.mkdir()
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    decoded(sources(paths), 16000)
    assert not old.exists()
    assert young.exists()


def test_a_build_that_another_process_finished_first_is_dropped(
    paths: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = decoded(sources(paths), 16000)
    finished = expected.folder.rename(cache / "finished")
    real_read = audio.read

    def other_process_finishes(path: Path, max_seconds: float | None = None):
        if path == paths[-1]:
            finished.rename(expected.folder)
        return real_read(path, max_seconds)

    monkeypatch.setattr(audio, "read", other_process_finishes)
    assert len(decoded(sources(paths), 16000)) == 5
    assert stores(cache) == [expected.folder]


@pytest.fixture
def damaged(paths: list[Path]) -> list[Path]:
    paths[1].write_text("not audio")
    paths[3].write_bytes(paths[3].read_bytes()[:80])
    return paths


def test_bad_files_stop_the_build_and_are_listed(damaged: list[Path], cache: Path):
    with pytest.raises(UserError, match=r"2 of 5 audio files cannot be used.*skip_bad_files") as e:
        decoded(sources(damaged), 16000)
    assert str(e.value).startswith(f"{damaged[1]}: not readable")
    assert "\n" not in str(e.value)
    (listing,) = stores(cache)
    lines = listing.read_text().splitlines()
    assert str(listing) in str(e.value)
    assert [line.split(":")[0] for line in lines] == [str(damaged[1]), str(damaged[3])]


def test_bad_files_can_be_skipped(damaged: list[Path]):
    store = decoded(sources(damaged), 16000, skip_bad_files=True)
    assert store.names == ["0.wav", "2.wav", "4.wav"]
    assert [path for path, _ in store.bad] == [str(damaged[1]), str(damaged[3])]
    np.testing.assert_array_equal(store[2] / np.float32(32768), audio.read(damaged[4])[0])


def test_a_store_that_skipped_files_does_not_serve_who_wants_all(damaged: list[Path]):
    decoded(sources(damaged), 16000, skip_bad_files=True)
    with pytest.raises(UserError, match="2 of 5"):
        decoded(sources(damaged), 16000)


def test_skipping_everything_is_an_error(tmp_path: Path):
    path = tmp_path / "a.wav"
    path.touch()
    with pytest.raises(UserError, match=r"1 of 1 .* none is left"):
        decoded(sources([path]), 16000, skip_bad_files=True)


def test_a_file_that_vanished_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"gone\.wav: no such audio file"):
        decoded(sources([tmp_path / "gone.wav"]), 16000)


@pytest.mark.parametrize("name", ["index.json", "samples.int16"])
def test_a_damaged_store_is_reported(paths: list[Path], name: str):
    folder = decoded(sources(paths), 16000).folder
    (folder / name).write_bytes(b"12")
    with pytest.raises(UserError, match=f"{folder}: damaged clip cache .*; delete the folder"):
        open_store(folder)


def test_pickling_sends_the_folder_and_not_the_samples(tmp_path: Path, write_wav):
    store = decoded(sources([write_wav(tmp_path / "a.wav", samples=50000)]), 16000)
    pickled = pickle.dumps(store)
    assert len(pickled) < 1000
    copy: Store = pickle.loads(pickled)
    np.testing.assert_array_equal(copy[0], store[0])


def test_cache_dir_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("S4AUDIO_CACHE")
    assert cache_dir() == Path.home() / ".cache" / "s4audio"
