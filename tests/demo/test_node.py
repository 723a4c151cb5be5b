"""The page's modules in Node, with the same runtime as in a browser, against Python."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from s4audio.demo.server import PAGE


def test_modules_agree_with_python(example: tuple[Path, ...]) -> None:
    if not shutil.which("npm"):
        pytest.skip("no Node.js (Debian: nodejs, npm)")
    result = subprocess.run(
        ["npm", "test"],
        cwd=PAGE,
        env={**os.environ, "S4AUDIO_DEMO_EXAMPLE": str(example[0])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    passed, skipped = (
        int(re.search(rf"^\W* {word} (\d+)$", result.stdout, re.M)[1])
        for word in ("pass", "skipped")
    )
    assert passed > 30
    assert skipped == 0
