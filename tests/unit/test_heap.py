"""Each in a process of its own, for there is no way back."""

from __future__ import annotations

import subprocess
import sys

# A large block is freed, then another with a small one behind it, as the monitor's thread does all the time.
HELD = """
import os, platform
from sidecar.heap import LARGE_BYTES, return_large_blocks
def resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident_bytes()
large = bytearray(b"x" * (16 << 20)); del large
blocks = [(bytearray(b"x" * (8 << 20)), bytearray(b"x" * 100_000)) for _ in range(4)]
kept = [behind for _, behind in blocks]
del blocks
print(resident_bytes() - before)
"""


def held_bytes(first: str) -> int:
    shown = subprocess.run([sys.executable, "-c", first + HELD], capture_output=True, text=True, check=True)
    return int(shown.stdout)


def test_what_is_freed_goes_back_though_small_blocks_lie_behind_it() -> None:
    assert held_bytes("") > 16 << 20  # or nothing needs to be done
    assert held_bytes("from sidecar import heap; heap.return_large_blocks()\n") < 2 << 20
