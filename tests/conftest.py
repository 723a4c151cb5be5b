"""Fixtures shared by every test."""

import os
import shutil
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


COMPILERS = ("g++", "c++", "clang++")


def pytest_configure() -> None:
    """Environment of all tests.

    Compiled formulas go to a folder of its own for each process: two that compile one at once
    damage it. Commands that run inside a test leave its allocator alone. What a shell starts in the
    background ignores Ctrl+C, which some tests send to themselves.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["S4AUDIO_KEEP_MEMORY"] = "0"
    compiled = Path(os.environ.get("KEOPS_CACHE_FOLDER", Path.home() / ".cache" / "s4audio-tests"))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    os.environ["KEOPS_CACHE_FOLDER"] = str(compiled / worker)
    (compiled / worker).mkdir(parents=True, exist_ok=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `compiler` need what pykeops compiles with."""
    if item.get_closest_marker("compiler") and not any(map(shutil.which, COMPILERS)):
        pytest.skip("no C++ compiler for pykeops")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; the test is skipped where there is none."""
    folder = Path(os.environ.get("S4AUDIO_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set S4AUDIO_TEST_DATA)")
    return folder
