"""Freed memory stays with the process."""

import os
import platform
import subprocess
import sys

import pytest

from s4audio.allocator import SWITCH

PROGRAM = """
import resource, sys
import torch
from s4audio.allocator import keep_freed_memory
told = keep_freed_memory() if sys.argv[1] == "keep" else False
for _ in range(4):
    torch.zeros(2**24).add_(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(16):
    torch.zeros(2**24).add_(1)
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

BLOCKS_OF_PAGES = 8 * 2**24 * 4 // 4096

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator only")


def run(argument: str, switch: str | None = None) -> tuple[bool, int]:
    environment = {name: x for name, x in os.environ.items() if name != SWITCH}
    if switch is not None:
        environment[SWITCH] = switch
    command = [sys.executable, "-c", PROGRAM, argument]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    told, faults = result.stdout.split()
    return told == "True", int(faults)


@glibc
def test_large_blocks_are_used_again():
    told, faults = run("keep")
    assert told
    _, ordinary = run("ordinary")
    assert ordinary > BLOCKS_OF_PAGES, "the allocator needs no telling on this system"
    assert faults < ordinary / 4


@glibc
def test_the_switch_leaves_the_allocator_alone():
    told, faults = run("keep", switch="0")
    assert not told
    assert faults > BLOCKS_OF_PAGES
