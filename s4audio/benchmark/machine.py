"""What a figure was measured on: processor, memory, system, versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from s4audio.benchmark.memory import installed

LIBRARIES = ("torch", "numpy", "pykeops")
LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine() -> dict[str, str]:
    """The machine and the software in words.

    Returns:
        names and values, such as ``processor`` and ``torch``; what is not known is left out.
    """
    total = installed()
    words = {
        "processor": _processor(),
        "processors": str(available_threads()),
        "memory": "" if total is None else f"{total / 1e9:.1f} GB",
        "large pages": _large_pages(),
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "s4audio": _version("s4audio"),
        **{name: _version(name) for name in LIBRARIES},
    }
    return {name: value for name, value in words.items() if value}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _large_pages() -> str:
    """The policy of the system: `always [madvise] never` means madvise."""
    try:
        return LARGE_PAGES.read_text().partition("[")[2].partition("]")[0]
    except OSError:
        return ""


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
