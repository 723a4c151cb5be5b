"""Fixtures shared by every test."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; the test is skipped where there is none."""
    folder = Path(os.environ.get("S4AUDIO_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set S4AUDIO_TEST_DATA)")
    return folder
