"""Fixtures shared by every test."""

import importlib.util
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty `HubServer` in place of the Hugging Face hub; no token, and an empty cache."""
    constants = pytest.importorskip("huggingface_hub.constants")
    # Test files have no package, so their helpers are loaded by path.
    spec = importlib.util.spec_from_file_location(
        "hub_server", Path(__file__).with_name("hub_server.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its data class looks for it
    spec.loader.exec_module(module)
    with module.HubServer() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        for name in (
            "HF_HUB_CACHE",
            "HF_TOKEN_PATH",
            "HF_STORED_TOKENS_PATH",
            "AGENT_HARNESSES_PATH",
        ):
            monkeypatch.setattr(constants, name, str(tmp_path / "huggingface" / name.lower()))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server
        server.shutdown()
