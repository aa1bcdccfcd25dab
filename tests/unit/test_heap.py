"""Each in a process of its own, for there is no way back."""

from __future__ import annotations

import subprocess
import sys

# Pages that the system had to give for bodies of 150 KB, 16 held at a time, once some have come and gone.
BODIES = """
import resource
from sidecar import heap
def carry_bodies():
    for _ in range(10):
        held = [b"x" * 150_000 for _ in range(16)]
        del held
def count():
    carry_bodies()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    carry_bodies()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
"""
N_BODIES = 160

# A large block is freed, then another with a small one behind it, as the monitor's thread does all the time.
HELD = """
before = resident_bytes()
large = bytearray(b"x" * (16 << 20)); del large
blocks = [(bytearray(b"x" * (8 << 20)), bytearray(b"x" * 100_000)) for _ in range(4)]
kept = [behind for _, behind in blocks]
del blocks
print(resident_bytes() - before)
"""


def shown(code: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", BODIES + code], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


class TestAWorker:
    def test_carries_bodies_in_memory_that_is_there_already(self) -> None:
        (kept,) = shown("heap.keep_freed_memory(); print(count())")
        assert kept < N_BODIES / 10

    def test_gives_more_than_it_keeps_back_to_the_system(self) -> None:
        code = """
heap.keep_freed_memory()
before = resident_bytes()
held = [b"x" * 150_000 for _ in range(400)]
much = resident_bytes()
held.reverse()  # what was taken first is freed last, so that nothing small keeps the heap's end
del held
print(before, much, resident_bytes())
"""
        before, much, after = shown(code)
        assert much - before > 50 << 20
        assert after - before < 10 << 20


class TestTheMonitor:
    def test_gives_what_is_freed_back_though_small_blocks_lie_behind_it(self) -> None:
        assert shown("heap.return_large_blocks()\n" + HELD)[0] < 2 << 20
