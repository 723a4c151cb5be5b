"""Processes that answer, fail, hang and die."""

import json
import os
import sys
from contextlib import closing
from dataclasses import asdict

import pytest

from s4audio.benchmark import Case
from s4audio.benchmark.processes import CaseFailedError, Processes

PYTHON = sys.executable
PARAMETERS = {"form": "s4audio", "batch": 1, "channels": 2, "length": 64, "directions": 1}


def request(folder, length=64):
    folder.mkdir()
    case = Case("ours", "convolution", {**PARAMETERS, "length": length})
    text = json.dumps({"case": asdict(case), "seconds": 0.01, "results": False})
    (folder / "request.json").write_text(text)
    return folder


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_fails_and_the_next_answers(tmp_path):
    wrong = request(tmp_path / "wrong")
    (wrong / "request.json").write_text("{")
    right = request(tmp_path / "right")
    with closing(Processes()) as ours:
        with pytest.raises(CaseFailedError, match="JSONDecodeError: Expecting property name"):
            ours.answer(wrong, timeout=120)
        ours.answer(right, timeout=120)
    assert json.loads((right / "measurement.json").read_text())["total"]


def test_after_one_that_hangs_the_next_answers(tmp_path):
    with closing(Processes()) as ours:
        ours.answer(request(tmp_path / "first"), timeout=120)
        with pytest.raises(CaseFailedError, match=r"^not done after 0\.3 s$"):
            ours.answer(request(tmp_path / "slow", length=100_000_000), timeout=0.3)
        ours.answer(request(tmp_path / "next"), timeout=120)
    assert (tmp_path / "next" / "measurement.json").is_file()


def test_measurements_do_not_share_a_process(tmp_path):
    """What a process holds at its end, the next does not have at its beginning."""
    with closing(Processes()) as ours:
        peaks = []
        for name, length in (("small", 1_000), ("large", 2_000_000), ("small again", 1_000)):
            ours.answer(request(tmp_path / name, length), timeout=120)
            values = json.loads((tmp_path / name / "measurement.json").read_text())
            peaks.append(values["peak_rss"])
    if peaks[0] is None:
        pytest.skip("the system does not tell")
    assert peaks[1] > peaks[0] + 60e6
    assert peaks[2] < peaks[0] + 30e6


def test_nothing_is_left_running(tmp_path):
    with closing(Processes()) as ours:
        ours.answer(request(tmp_path / "first"), timeout=120)
        server = ours._server.pid
        assert is_alive(server)
    assert not is_alive(server)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Stands for the interpreter that is started."""
    path = tmp_path / "python.sh"
    path.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(path))
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="takes a shell")
@pytest.mark.parametrize(
    ("dies", "expected"),
    [
        ("echo last words > $folder/log.txt; echo 3; read folder", "last words"),
        ("echo 3; read folder", "ended with exit code 3"),
        ("echo -9; read folder", "ended by signal 9, most likely for want of memory"),
        ("exit 4", "ended with exit code 4"),
        ("kill -9 $$", "ended by signal 9, most likely for want of memory"),
    ],
)
def test_how_a_process_died(tmp_path, script, dies, expected):
    script.write_text(f"#!/bin/sh\nread folder\n{dies}\n")
    with closing(Processes()) as ours, pytest.raises(CaseFailedError, match=expected):
        ours.answer(request(tmp_path / "x"), timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="takes a shell")
def test_a_server_that_does_not_even_read(tmp_path, script):
    script.write_text("#!/bin/sh\nexit 5\n")
    with closing(Processes()) as ours:
        for name in ("first", "second"):
            with pytest.raises(CaseFailedError, match="ended with exit code 5"):
                ours.answer(request(tmp_path / name), timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="takes a shell")
def test_where_nothing_is_forked_every_answer_has_a_server(tmp_path, script):
    code = "from s4audio.benchmark import worker; worker.sys.platform = 'darwin'; worker.main()"
    script.write_text(f'#!/bin/sh\nexec {PYTHON} -c "{code}"\n')
    with closing(Processes()) as ours:
        for name in ("first", "second"):
            ours.answer(request(tmp_path / name), timeout=120)
            assert (tmp_path / name / "measurement.json").is_file()
            assert ours._server is None
