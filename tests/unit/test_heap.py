"""Each in a process of its own, for there is no way back."""

from __future__ import annotations

import os
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

# Bytes of a large block that are mapped for it alone, once a larger one has been freed.
MAPPED = """
import ctypes
class Info(ctypes.Structure):  # of <malloc.h>
    _fields_ = [(name, ctypes.c_int) for name in "arena ordblks smblks hblks hblkhd a b c d e".split()]
mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Info
larger = bytearray(16 << 20); del larger
before = mallinfo().hblkhd
large = bytearray(8 << 20)
print(mallinfo().hblkhd - before)
"""


def shown(code: str) -> list[int]:
    """What the code prints, where nobody else has set glibc's limits (dask does, for its workers to be)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", BODIES + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [int(word) for word in done.stdout.split()]


class TestAWorker:
    def test_carries_bodies_in_memory_that_is_there_already(self) -> None:
        as_it_comes, kept = shown("print(count()); heap.keep_freed_memory(); print(count())")
        assert as_it_comes > N_BODIES
        assert kept < N_BODIES / 10

    def test_gives_more_than_it_keeps_back_to_the_system(self) -> None:
        # Nothing else is taken between the last body and its end: a small block behind it keeps them all.
        code = """
held = [None] * 400
heap.keep_freed_memory()
before = resident_bytes()
for i in range(400): held[i] = b"x" * 150_000
for i in range(400): held[i] = None
after = resident_bytes()
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, after)
"""
        before, much, after = shown(code)
        assert much - before > 50 << 20
        assert after - before < 10 << 20


class TestTheMonitor:
    def test_has_large_blocks_mapped_so_that_freeing_them_gives_them_back(self) -> None:
        assert shown(MAPPED) == [0]  # as it comes it lies in the heap
        assert shown("heap.return_large_blocks()\n" + MAPPED)[0] >= 8 << 20
