"""A process of its own for every measurement.

On Linux these are forks of one process, which has torch loaded and has computed nothing: loading it
takes longer than most measurements do.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer
from time import monotonic

WORKER = "s4audio.benchmark.worker"


class CaseFailedError(Exception):
    """A case could not be measured; the message is the reason."""


class Processes:
    """Starts them, one at a time, until it is closed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def answer(self, folder: Path, timeout: float) -> None:
        """Have a new process answer the request in a folder, and wait for it.

        Args:
            folder: see `s4audio.benchmark.worker`.
            timeout: seconds after which the process is given up.

        Raises:
            CaseFailedError: it is given up, or ends with another exit code than 0.
        """
        server = self._server = self._server or _start()
        stop = monotonic() + timeout
        timer = Timer(timeout, _kill, (server,))
        timer.start()
        try:
            exit_code = _ask(server, folder)
        finally:
            timer.cancel()
        if server.poll() is not None:
            self.close()
        if exit_code and monotonic() >= stop:
            raise CaseFailedError(f"not done after {timeout:g} s")
        if exit_code:
            raise CaseFailedError(_last_words(exit_code, folder))

    def close(self) -> None:
        """End what is running."""
        if self._server is not None:
            _kill(self._server)
            with suppress(BrokenPipeError):
                self._server.communicate()
            self._server = None


def _start() -> subprocess.Popen[str]:
    # A session of its own, to be ended with all its forks.
    return subprocess.Popen(
        [sys.executable, "-m", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _ask(server: subprocess.Popen[str], folder: Path) -> int:
    """The exit code of the process that answers: the server's own if it does not tell."""
    assert server.stdin is not None
    assert server.stdout is not None
    with suppress(BrokenPipeError):
        server.stdin.write(f"{folder}\n")
        server.stdin.flush()
    return int(server.stdout.readline() or server.wait())


def _kill(server: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        server.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def _last_words(exit_code: int, folder: Path) -> str:
    if exit_code < 0:
        return f"ended by signal {-exit_code}, most likely for want of memory"
    log = folder / "log.txt"
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else f"ended with exit code {exit_code}"
