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
"""
N_BODIES = 160


def shown(code: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", BODIES + code], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_bodies_are_carried_in_memory_that_is_there_already() -> None:
    as_it_comes, kept = shown("print(count()); heap.keep_freed_memory(); print(count())")
    assert as_it_comes > N_BODIES
    assert kept < N_BODIES / 10


def test_more_than_is_kept_goes_back_to_the_system() -> None:
    code = """
def resident_kb():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024
heap.keep_freed_memory()
before = resident_kb()
held = [b"x" * 150_000 for _ in range(400)]
much = resident_kb()
del held
print(before, much, resident_kb())
"""
    before, much, after = shown(code)
    assert much - before > 50_000
    assert after - before < 10_000
