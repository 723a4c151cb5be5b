"""How much memory a process holds and how much there is, as the operating system counts it."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
SYSTEM = Path("/proc/meminfo")
REFERENCES = Path("/proc/self/clear_refs")


def reset_peak() -> str:
    """Start the peak of resident memory anew where the system can (Linux).

    Returns:
        what `peak_rss` reads from now on: ``VmHWM``, the peak since this call, or ``ru_maxrss``,
        the peak since the process began.
    """
    try:
        REFERENCES.write_text("5")
    except OSError:
        return "ru_maxrss"
    return "VmHWM"


def peak_rss() -> int | None:
    """Peak of resident memory in bytes, or None where the system does not tell.

    Not ru_maxrss where there is a choice: a process started by another inherits that one's peak.
    """
    peak = _field(STATUS, "VmHWM")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:  # Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def current_rss() -> int | None:
    """Resident memory in bytes; its peak so far where the system tells no more."""
    current = _field(STATUS, "VmRSS")
    return peak_rss() if current is None else current


def available() -> int | None:
    """Memory in bytes that a new process can take without swapping, or None if unknown."""
    return _field(SYSTEM, "MemAvailable")


def installed() -> int | None:
    """Memory of the machine in bytes, or None if unknown."""
    return _field(SYSTEM, "MemTotal")


def _field(path: Path, name: str) -> int | None:
    """A line such as `VmHWM:   25160 kB`, in bytes."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return None
